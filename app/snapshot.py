"""What a worker tells the page.

Snapshots are immutable and complete, so that they cross threads without a lock: the worker
replaces its one snapshot, the page reads it and draws if the version has advanced. All arrays
are on the CPU and read-only; the conversion happens here, on the worker's thread. What is observed
is kept as the library has it, which nobody changes.

The fields of the latest cycle are there in full, those of all cycles so far as frames. A snapshot
refers to the frames of the one before: a cycle adds its own and copies none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from ldensf_app.frames import Frame, pack
from ldensf_app.setup import Setup
from ldensf_core import Observation, SensorNetwork
from ldensf_core.twin.conditions import Change
from ldensf_core.twin.record import Record, frozen, record_cycle

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Snapshot:
    """The state of one worker.

    Attributes:
        version: grows with every snapshot of a worker.
        run: number of the run among those of a race; both workers of one have the same.
        phase: ``idle``, ``loading``, ``paused``, ``playing``, ``finished`` or ``failed``.
        message: what went wrong, for people; empty unless ``failed``, where all that was computed
            before is kept.
        notice: why the latest change could not be made, for people; empty from the next command on.
        setup: of the experiment that is shown; None before the first.
        device: where the filters compute.
        settings: of the experiment, as the library records them.
        true_parameters: (P,).
        spun_up: share of the way to the first snapshot that the full-space members have gone, in
            ``spin_up_s`` seconds.
        index: of the cycle shown, -1 before the first.
        truth: (V, ny, nx), float32, physical units.
        mean, spread: the same of each filter.
        records: one mapping from filter to ``Record`` for each cycle so far.
        frames: one mapping for each cycle so far: the truth by ``("truth", "")``, a filter's mean
            and spread by ``("mean", filter)`` and ``("spread", filter)``.
        observed: the observation of each cycle so far, None where nothing was measured.
        networks: the sensors of each cycle so far.
        assimilated: for each cycle so far, whether filters get its observation.
        changes: that were made on the way, each with the cycle from which it holds; the latest may
            be of a cycle to come.
    """

    version: int = 0
    run: int = 0
    phase: str = "idle"
    message: str = ""
    notice: str = ""
    setup: Setup | None = None
    device: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    true_parameters: np.ndarray | None = None
    spun_up: float = 0.0
    spin_up_s: float = 0.0
    index: int = -1
    truth: np.ndarray | None = None
    mean: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    spread: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    records: tuple[Mapping[str, Record], ...] = ()
    frames: tuple[Mapping[tuple[str, str], Frame], ...] = ()
    observed: tuple[Observation | None, ...] = ()
    networks: tuple[SensorNetwork, ...] = ()
    assimilated: tuple[bool, ...] = ()
    changes: tuple[Change, ...] = ()

    def median_ms(self, name: str) -> float:
        """Median time of a complete cycle of filter ``name``; NaN if there was none."""
        times = [r[name].cycle_ms for r in self.records if name in r and r[name].complete]
        return float(np.median(times)) if times else float("nan")


def after(snapshot: Snapshot, experiment: Any, cycle: Any) -> dict[str, Any]:
    """What is new in the snapshot that follows ``snapshot`` with a ``Cycle`` of an experiment."""
    truth, mean, spread, records = frozen(cycle.truth), {}, {}, {}
    frames = {("truth", ""): pack(truth)}
    for name in cycle.filters:
        before = snapshot.records[-1].get(name) if snapshot.records else None
        records[name], mean[name], spread[name] = record_cycle(
            experiment.benchmark, cycle, name, before
        )
        frames["mean", name], frames["spread", name] = pack(mean[name]), pack(spread[name])
    sensors = experiment.conditions(cycle.index).sensors
    return {
        "index": cycle.index,
        "truth": truth,
        "mean": MappingProxyType(mean),
        "spread": MappingProxyType(spread),
        "records": (*snapshot.records, MappingProxyType(records)),
        "frames": (*snapshot.frames, MappingProxyType(frames)),
        "observed": (*snapshot.observed, cycle.observation),
        "networks": (*snapshot.networks, sensors),
        "assimilated": (*snapshot.assimilated, cycle.assimilate),
    }
