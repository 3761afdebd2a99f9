"""Where to compute: the choice, streams and recorded graphs, and how long it takes."""

from ldensf_core.device.choice import cycle_functions, resolve_device
from ldensf_core.device.clock import clock
from ldensf_core.device.recording import captured, recorded

__all__ = ["captured", "clock", "cycle_functions", "recorded", "resolve_device"]
