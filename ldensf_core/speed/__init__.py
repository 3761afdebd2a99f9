"""How long a cycle takes, beside how long it has to."""

from ldensf_core.speed.cost import Cost, Peak, cycle_cost, measured_peak
from ldensf_core.speed.published_loop import PublishedLoop
from ldensf_core.speed.table import (
    COMPARED,
    IMPLEMENTATIONS,
    NAMES,
    bench,
    milliseconds,
    observed_run,
    peak_memory_mb,
    restarting,
)

__all__ = [
    "COMPARED",
    "IMPLEMENTATIONS",
    "NAMES",
    "Cost",
    "Peak",
    "PublishedLoop",
    "bench",
    "cycle_cost",
    "measured_peak",
    "milliseconds",
    "observed_run",
    "peak_memory_mb",
    "restarting",
]
