"""All scores of one cycle."""

from __future__ import annotations

import numpy as np

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations.innovation import normalised_square
from ldensf_core.scores import coverage, crps, relative_rmse, relative_spread
from ldensf_core.twin.follow import Cycle


def cycle_scores(
    benchmark: Benchmark, cycle: Cycle, name: str, true_parameters: np.ndarray
) -> dict[str, float]:
    """Scores of one filter after one cycle, before averaging."""
    result = cycle.filters[name]
    estimate = result.estimate
    truth = cycle.truth.to(estimate.mean)
    std = benchmark.std(truth)[:, None, None]
    area = benchmark.domain.areas(truth)
    width = np.array([p.high - p.low for p in benchmark.parameters])
    guess = estimate.parameters.mean(dim=0).cpu().numpy()
    return {
        "rel_rmse": relative_rmse(benchmark, estimate.mean, truth),
        "rel_spread": relative_spread(benchmark, estimate.spread, truth),
        "crps": crps(benchmark, estimate.ensemble, truth),
        "square_error": float((area * ((estimate.mean - truth) / std).square()).mean()),
        "variance": float((area * (estimate.spread / std).square()).mean()),
        "coverage90": coverage(benchmark, estimate.ensemble, truth),
        "parameter_error": float((np.abs(guess - true_parameters) / width).mean()),
        "chi2": normalised_square([estimate.innovation]),
        "forecast_ms": result.forecast_ms,
        "analysis_ms": result.analysis_ms,
        "decode_ms": result.decode_ms,
    }
