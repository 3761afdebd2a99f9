"""How long a cycle takes, beside how long it has to."""

from ldensf_core.speed.cost import Cost, Peak, cycle_cost, measured_peak
from ldensf_core.speed.published_loop import PublishedLoop
from ldensf_core.speed.table import IMPLEMENTATIONS, bench

__all__ = [
    "IMPLEMENTATIONS",
    "Cost",
    "Peak",
    "PublishedLoop",
    "bench",
    "cycle_cost",
    "measured_peak",
]
