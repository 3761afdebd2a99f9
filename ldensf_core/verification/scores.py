"""Scores of one estimate against the truth.

All are taken on fields normalised with the training mean and standard deviation of each
variable, over all variables and grid points together.
"""

from __future__ import annotations

import math

import scoringrules
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark


def relative_rmse(benchmark: Benchmark, mean: Tensor, truth: Tensor) -> float:
    """‖mean − truth‖/‖truth‖ of fields (V, ny, nx)."""
    error = (mean - truth) / benchmark.std(truth)[:, None, None]
    return float(error.norm() / benchmark.normalise(truth).norm())


def relative_spread(benchmark: Benchmark, spread: Tensor, truth: Tensor) -> float:
    """‖spread‖/‖truth‖ of fields (V, ny, nx): what ``relative_rmse`` is expected to be."""
    normalised = spread / benchmark.std(truth)[:, None, None]
    return float(normalised.norm() / benchmark.normalise(truth).norm())


def crps(benchmark: Benchmark, ensemble: Tensor, truth: Tensor) -> float:
    """Continuous ranked probability score, mean over variables and points.

    Estimated from probability-weighted moments, unbiased for small ensembles, of an ensemble
    (M, V, ny, nx) against the truth (V, ny, nx). NaN for one member, where it is undefined.
    """
    if len(ensemble) < 2:
        return math.nan
    score = scoringrules.crps_ensemble(
        benchmark.normalise(truth).cpu(),  # the estimator makes tensors of its own there
        benchmark.normalise(ensemble).cpu(),
        m_axis=0,
        estimator="pwm",
        backend="torch",
    )
    return float(score.mean())


def coverage(ensemble: Tensor, truth: Tensor, level: float = 0.9) -> float:
    """Share of variables and points whose truth lies in the central interval of the ensemble.

    Bounds are the ensemble's quantiles at (1 ∓ level)/2, interpolated between members, of an
    ensemble (M, V, ny, nx) against the truth (V, ny, nx). Small ensembles cover less than
    ``level`` even where they are exchangeable with the truth.
    """
    bounds = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=ensemble.dtype)
    flat = ensemble.flatten(1)
    position = bounds * (len(flat) - 1)
    ordered = flat.sort(dim=0).values
    below = position.floor().long()
    above = position.ceil().long()
    weight = (position - below).to(flat)[:, None]
    low, high = torch.lerp(ordered[below.to(flat.device)], ordered[above.to(flat.device)], weight)
    inside = (truth.flatten() >= low) & (truth.flatten() <= high)
    return float(inside.float().mean())


def spread_skill(mean_variance: float, mean_square_error: float, members: int) -> float:
    """Spread over error, 1 for a reliable ensemble (Fortin et al. 2014, J. Hydrometeorology).

    The ratio of the root of the mean (unbiased) ensemble variance to the root mean square
    error of the ensemble mean, with the factor √((M+1)/M) for a finite ensemble.
    """
    return math.sqrt((members + 1) / members * mean_variance / mean_square_error)
