"""Scores of one estimate against the truth.

Fields are normalised with the training mean and standard deviation of each variable. Scores go
over all variables and over the area of the domain.
"""

from __future__ import annotations

import math

import numpy as np
import scoringrules
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import Benchmark

RANKED = 40
"""Most points along each axis that a rank histogram uses."""


def relative_rmse(benchmark: Benchmark, mean: Tensor, truth: Tensor) -> float:
    """‖mean − truth‖/‖truth‖ of fields (V, ny, nx)."""
    root = benchmark.domain.areas(truth).sqrt()
    error = root * (mean - truth) / benchmark.std(truth)[:, None, None]
    return float(error.norm() / (root * benchmark.normalise(truth)).norm())


def relative_spread(benchmark: Benchmark, spread: Tensor, truth: Tensor) -> float:
    """‖spread‖/‖truth‖ of fields (V, ny, nx): the expected ``relative_rmse``."""
    root = benchmark.domain.areas(truth).sqrt()
    normalised = root * spread / benchmark.std(truth)[:, None, None]
    return float(normalised.norm() / (root * benchmark.normalise(truth)).norm())


def crps(benchmark: Benchmark, ensemble: Tensor, truth: Tensor) -> float:
    """Continuous ranked probability score, mean over variables and area.

    Of an ensemble (M, V, ny, nx) against the truth (V, ny, nx), estimated from
    probability-weighted moments, unbiased for small ensembles. NaN for one member.
    """
    if len(ensemble) < 2:
        return math.nan
    with ensemble.device:  # where the estimator creates its tensors
        score = scoringrules.crps_ensemble(
            benchmark.normalise(truth.to(ensemble.device)),
            benchmark.normalise(ensemble),
            m_axis=0,
            estimator="pwm",
            backend="torch",
        )
    return float((score * benchmark.domain.areas(score)).mean())


def coverage(benchmark: Benchmark, ensemble: Tensor, truth: Tensor, level: float = 0.9) -> float:
    """Share of variables and area with the truth in the central interval of the ensemble.

    Ensemble (M, V, ny, nx), truth (V, ny, nx). The bounds are the quantiles at (1 ∓ level)/2,
    interpolated between members. Small ensembles cover less than ``level`` even if the truth is
    exchangeable with the members.
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
    inside = inside.view_as(truth).float()
    return float((inside * benchmark.domain.areas(inside)).mean())


def spread_skill(mean_variance: float, mean_square_error: float, members: int) -> float:
    """Spread over error, 1 for a reliable ensemble (Fortin et al. 2014, J. Hydrometeorology).

    The ratio of the root of the mean (unbiased) ensemble variance to the root mean square
    error of the ensemble mean, with the factor √((M+1)/M) for a finite ensemble.
    """
    return math.sqrt((members + 1) / members * mean_variance / mean_square_error)


def rank_histogram(benchmark: Benchmark, ensemble: Tensor, truth: Tensor) -> np.ndarray:
    """Frequencies (M + 1,) of the truth's rank: the number of members, 0 to M, below it.

    A reliable ensemble has a flat histogram (Hamill 2001, Monthly Weather Review). It covers all
    variables and, weighted with area, every few grid points, because neighbours are correlated. A
    truth equal to some members counts in equal parts for each possible rank. NaN for an ensemble
    (M, V, ny, nx) that is not finite.
    """
    from scores.probability import rank_histogram as frequencies  # half a second, and dask

    if not ensemble.isfinite().all():
        return np.full(len(ensemble) + 1, np.nan)
    steps = [math.ceil(n / RANKED) for n in benchmark.grid_shape]
    every = (..., *(slice(step // 2, None, step) for step in steps))
    area = xr.DataArray(benchmark.domain.areas(truth)[every].cpu().numpy(), dims=("y", "x"))
    members = xr.DataArray(ensemble[every].cpu().numpy(), dims=("member", "variable", "y", "x"))
    fields = xr.DataArray(truth[every].cpu().numpy(), dims=("variable", "y", "x"))
    return frequencies(members, fields, "member", weights=area).to_numpy()
