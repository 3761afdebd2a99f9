"""What is kept of a cycle: numbers, mean and spread, not the ensembles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import Innovation
from ldensf_core.observations.innovation import WINDOW, normalised_square
from ldensf_core.scores import relative_rmse, relative_spread
from ldensf_core.twin.follow import Cycle

CENTRAL = (0.05, 0.95)
"""Quantiles at the ends of the central 90 %."""


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
        innovations: the latest ``WINDOW`` up to this cycle, the newest last.
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
    innovations: tuple[Innovation, ...]
    limit: float | None

    # Computed once a record: charts ask for those of all cycles whenever they are drawn.

    @cached_property
    def chi2(self) -> float:
        """χ²/n of the latest innovations; NaN before the first."""
        return normalised_square(self.innovations)

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean of each parameter, (P,)."""
        return self.parameters.mean(axis=0)

    @cached_property
    def central(self) -> np.ndarray:
        """Ends of the central 90 % of each parameter, (2, P)."""
        return np.quantile(self.parameters, CENTRAL, axis=0)


def record_cycle(
    benchmark: Benchmark, cycle: Cycle, name: str, before: Record | None = None
) -> tuple[Record, np.ndarray, np.ndarray]:
    """The record of filter ``name`` at a cycle, its mean and its spread (V, ny, nx).

    Args:
        before: the filter's record of the cycle before; None at the first.
    """
    result = cycle.filters[name]
    innovations = before.innovations if before else ()
    if result.estimate.innovation is not None:
        innovations = (*innovations, result.estimate.innovation)[-WINDOW:]
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
        innovations=innovations,
        limit=result.estimate.limit,
    )
    return record, frozen(mean), frozen(spread)


def frozen(values: Tensor | np.ndarray) -> np.ndarray:
    """A read-only float32 copy on the CPU."""
    array = np.array(values.cpu().numpy() if isinstance(values, Tensor) else values, np.float32)
    array.setflags(write=False)
    return array
