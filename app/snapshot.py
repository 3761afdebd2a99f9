"""What a worker tells the page.

Snapshots are immutable and complete, so that they cross threads without a lock: the worker
replaces its one snapshot, the page reads it and draws if the version has advanced. All arrays
are float32 on the CPU and read-only; the conversion happens here, on the worker's thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import Tensor

from ldensf_app.settings import Setup
from ldensf_core.verification.scores import relative_rmse, relative_spread

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Record:
    """Numbers of one filter at one cycle, kept for the whole run.

    Attributes:
        error, spread: relative RMSE of the mean, and the spread on the same scale.
        cycle_ms: of forecast and analysis together; fields are not counted.
        forecast_ms, analysis_ms: of each by itself; NaN but for every few cycles.
        decode_ms: of mean and spread for the maps.
        complete: whether there was a forecast as well as an analysis, so that cycles compare.
        parameters: (M, P), physical units.
    """

    error: float
    spread: float
    cycle_ms: float
    forecast_ms: float
    analysis_ms: float
    decode_ms: float
    complete: bool
    parameters: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """The state of one worker.

    Attributes:
        version: grows with every snapshot of a worker.
        phase: ``idle``, ``loading``, ``paused``, ``playing``, ``finished`` or ``failed``.
        message: what went wrong, for people; empty unless ``failed``.
        setup: of the experiment that is shown; None before the first.
        device: where the filters compute.
        sensors: (n, 2) positions.
        true_parameters: (P,).
        spun_up: share of the way to the first snapshot that the full-space members have gone.
        index: of the cycle shown, -1 before the first.
        silent: (n,), true where a sensor reported nothing at this cycle.
        truth: (V, ny, nx), physical units.
        mean, spread: the same of each filter.
        records: one mapping from filter to ``Record`` for each cycle so far.
    """

    version: int = 0
    phase: str = "idle"
    message: str = ""
    setup: Setup | None = None
    device: str = ""
    sensors: np.ndarray | None = None
    true_parameters: np.ndarray | None = None
    spun_up: float = 0.0
    index: int = -1
    silent: np.ndarray | None = None
    truth: np.ndarray | None = None
    mean: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    spread: Mapping[str, np.ndarray] = field(default_factory=lambda: EMPTY)
    records: tuple[Mapping[str, Record], ...] = ()

    def median_ms(self, name: str) -> float:
        """Median time of a complete cycle of filter ``name``; NaN if there was none."""
        times = [r[name].cycle_ms for r in self.records if name in r and r[name].complete]
        return float(np.median(times)) if times else float("nan")


def frozen(values: Tensor | np.ndarray) -> np.ndarray:
    """A read-only float32 copy on the CPU."""
    array = np.array(values.cpu().numpy() if isinstance(values, Tensor) else values, np.float32)
    array.setflags(write=False)
    return array


def cycle_contents(benchmark: Any, cycle: Any) -> tuple[dict[str, Any], Mapping[str, Record]]:
    """What a ``Cycle`` contributes to the next snapshot: its fields, and its records."""
    truth, observation = cycle.truth, cycle.observation
    mean, spread, records = {}, {}, {}
    for name, result in cycle.filters.items():
        estimate = result.estimate
        fields = estimate.mean.cpu(), estimate.spread.cpu()
        records[name] = Record(
            error=float(relative_rmse(benchmark, fields[0], truth)),
            spread=float(relative_spread(benchmark, fields[1], truth)),
            cycle_ms=float(result.cycle_ms),
            forecast_ms=float(result.forecast_ms),
            analysis_ms=float(result.analysis_ms),
            decode_ms=float(result.decode_ms),
            complete=cycle.index > 0 and observation is not None,
            parameters=frozen(estimate.parameters),
        )
        mean[name], spread[name] = map(frozen, fields)
    silent = None
    if observation is not None:
        silent = (~observation.present).all(dim=-1).cpu().numpy()
        silent.setflags(write=False)
    contents = {
        "index": cycle.index,
        "silent": silent,
        "truth": frozen(truth),
        "mean": MappingProxyType(mean),
        "spread": MappingProxyType(spread),
    }
    return contents, MappingProxyType(records)
