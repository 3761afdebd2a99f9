"""How long a cycle takes, and how long it must take at least."""

from ldensf_core.speed.cost import Cost, Peak, cycle_cost, measured_peak
from ldensf_core.speed.published_loop import PublishedLoop
from ldensf_core.speed.table import (
    COMPARED,
    NAMES,
    bench,
    implementations,
    milliseconds,
    observed_run,
    peak_memory_mb,
    restarting,
)

__all__ = [
    "COMPARED",
    "NAMES",
    "Cost",
    "Peak",
    "PublishedLoop",
    "bench",
    "cycle_cost",
    "implementations",
    "measured_peak",
    "milliseconds",
    "observed_run",
    "peak_memory_mb",
    "restarting",
]
