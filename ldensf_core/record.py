"""What is kept of a cycle, which itself holds whole ensembles: numbers, mean and spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.verification.scores import relative_rmse, relative_spread

if TYPE_CHECKING:
    from ldensf_core.experiment import FilterCycle


@dataclass(frozen=True)
class Record:
    """Numbers of one filter at one cycle, kept for the whole run.

    Attributes:
        error, spread: relative RMSE of the mean, and the spread on the same scale.
        forecast_ms, analysis_ms, decode_ms: NaN where the step did not happen.
        parameters: (M, P), physical units.
    """

    error: float
    spread: float
    forecast_ms: float
    analysis_ms: float
    decode_ms: float
    parameters: np.ndarray

    @property
    def cycle_ms(self) -> float:
        """Time of the steps that happened, forecast and analysis; fields are not counted."""
        return float(np.nansum([self.forecast_ms, self.analysis_ms]))

    @property
    def complete(self) -> bool:
        """Whether there was a forecast as well as an analysis, so that cycles compare."""
        return bool(np.isfinite(self.forecast_ms) and np.isfinite(self.analysis_ms))


def recorded(
    benchmark: Benchmark, truth: Tensor, result: FilterCycle
) -> tuple[Record, np.ndarray, np.ndarray]:
    """What is kept of one filter's cycle: its record, mean and spread (V, ny, nx)."""
    mean, spread = result.estimate.mean.cpu(), result.estimate.spread.cpu()
    record = Record(
        error=float(relative_rmse(benchmark, mean, truth)),
        spread=float(relative_spread(benchmark, spread, truth)),
        forecast_ms=float(result.forecast_ms),
        analysis_ms=float(result.analysis_ms),
        decode_ms=float(result.decode_ms),
        parameters=frozen(result.estimate.parameters),
    )
    return record, frozen(mean), frozen(spread)


def frozen(values: Tensor | np.ndarray) -> np.ndarray:
    """A read-only float32 copy on the CPU."""
    array = np.array(values.cpu().numpy() if isinstance(values, Tensor) else values, np.float32)
    array.setflags(write=False)
    return array
