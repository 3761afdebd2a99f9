"""What a worker tells the page.

Snapshots are immutable and complete, so that they cross threads without a lock: the worker
replaces its one snapshot, the page reads it and draws if the version has advanced. All arrays
are float32 on the CPU and read-only; the conversion happens here, on the worker's thread. What is
observed is kept as the library has it, which nobody changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from ldensf_app.setup import Setup
from ldensf_core import Observation, SensorNetwork
from ldensf_core.twin.record import Record, frozen, record_cycle

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Snapshot:
    """The state of one worker.

    Attributes:
        version: grows with every snapshot of a worker.
        phase: ``idle``, ``loading``, ``paused``, ``playing``, ``finished`` or ``failed``.
        message: what went wrong, for people; empty unless ``failed``.
        setup: of the experiment that is shown; None before the first.
        device: where the filters compute.
        settings: of the experiment, as the library records them.
        sensors: the network that observes the first snapshot.
        true_parameters: (P,).
        spun_up: share of the way to the first snapshot that the full-space members have gone.
        index: of the cycle shown, -1 before the first.
        silent: (n,), true where a sensor reported nothing at this cycle.
        truth: (V, ny, nx), physical units.
        mean, spread: the same of each filter.
        records: one mapping from filter to ``Record`` for each cycle so far.
        observed: the observation of each cycle so far, None where nothing was measured.
    """

    version: int = 0
    phase: str = "idle"
    message: str = ""
    setup: Setup | None = None
    device: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    sensors: SensorNetwork | None = None
    true_parameters: np.ndarray | None = None
    spun_up: float = 0.0
    index: int = -1
    silent: np.ndarray | None = None
    truth: np.ndarray | None = None
    mean: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    spread: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    records: tuple[Mapping[str, Record], ...] = ()
    observed: tuple[Observation | None, ...] = ()
    frames: tuple[Mapping[tuple[str, str], Any], ...] = ()
    networks: tuple[Any, ...] = ()
    assimilated: tuple[bool, ...] = ()
    changes: tuple[Any, ...] = ()
    notice: str = ""

    def median_ms(self, name: str) -> float:
        """Median time of a complete cycle of filter ``name``; NaN if there was none."""
        times = [r[name].cycle_ms for r in self.records if name in r and r[name].complete]
        return float(np.median(times)) if times else float("nan")


def cycle_contents(benchmark: Any, cycle: Any) -> tuple[dict[str, Any], Mapping[str, Record]]:
    """What a ``Cycle`` contributes to the next snapshot: fields and records."""
    mean, spread, records = {}, {}, {}
    for name in cycle.filters:
        records[name], mean[name], spread[name] = record_cycle(benchmark, cycle, name)
    silent = None
    if cycle.observation is not None:
        silent = (~cycle.observation.present).all(dim=-1).cpu().numpy()
        silent.setflags(write=False)
    contents = {
        "index": cycle.index,
        "silent": silent,
        "truth": frozen(cycle.truth),
        "mean": MappingProxyType(mean),
        "spread": MappingProxyType(spread),
    }
    return contents, MappingProxyType(records)
