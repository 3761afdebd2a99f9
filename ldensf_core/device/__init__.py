"""Where to compute: choice of the device, streams, recorded graphs, and timing.

Only this package handles the sharing of a GPU by several threads. No other code makes streams,
records graphs or waits for a given stream.
"""

from ldensf_core.device.choice import device_name, devices, is_lost, resolve_device
from ldensf_core.device.clock import Stopwatch, clock
from ldensf_core.device.machine import environment, machine_name
from ldensf_core.device.recording import captured, kept, recorded, release_memory
from ldensf_core.device.staging import Staging
from ldensf_core.device.streams import own_stream, wait

__all__ = [
    "Staging",
    "Stopwatch",
    "captured",
    "clock",
    "device_name",
    "devices",
    "environment",
    "is_lost",
    "kept",
    "machine_name",
    "own_stream",
    "recorded",
    "release_memory",
    "resolve_device",
    "wait",
]
