"""What is kept of a cycle: numbers, mean and spread, not the ensembles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import Innovation
from ldensf_core.scores import relative_rmse, relative_spread
from ldensf_core.twin.follow import Cycle


@dataclass(frozen=True)
class Record:
    """Numbers of one filter at one cycle, kept for the whole run.

    Attributes:
        error, spread: relative RMSE of the mean, and the spread on the same scale.
        cycle_ms: time of forecast and analysis together, without decoding.
        forecast_ms, analysis_ms: separate times; NaN except at every few cycles.
        decode_ms: time of decoding mean and spread.
        complete: whether the cycle had forecast and analysis; only such times compare.
        parameters: (M, P), physical units.
        innovation: of the observation; None where there is none.
        limit: see ``Estimate``.
    """

    error: float
    spread: float
    cycle_ms: float
    forecast_ms: float
    analysis_ms: float
    decode_ms: float
    complete: bool
    parameters: np.ndarray
    innovation: Innovation | None
    limit: float | None


def record_cycle(
    benchmark: Benchmark, cycle: Cycle, name: str
) -> tuple[Record, np.ndarray, np.ndarray]:
    """The record of filter ``name`` at a cycle, its mean and its spread (V, ny, nx)."""
    result = cycle.filters[name]
    mean, spread = result.estimate.mean.cpu(), result.estimate.spread.cpu()
    record = Record(
        error=float(relative_rmse(benchmark, mean, cycle.truth)),
        spread=float(relative_spread(benchmark, spread, cycle.truth)),
        cycle_ms=float(result.cycle_ms),
        forecast_ms=float(result.forecast_ms),
        analysis_ms=float(result.analysis_ms),
        decode_ms=float(result.decode_ms),
        complete=cycle.index > 0 and cycle.observation is not None,
        parameters=frozen(result.estimate.parameters),
        innovation=result.estimate.innovation,
        limit=result.estimate.limit,
    )
    return record, frozen(mean), frozen(spread)


def frozen(values: Tensor | np.ndarray) -> np.ndarray:
    """A read-only float32 copy on the CPU."""
    array = np.array(values.cpu().numpy() if isinstance(values, Tensor) else values, np.float32)
    array.setflags(write=False)
    return array
