"""Scores of one estimate against the truth.

All are taken on fields normalised with the training mean and standard deviation of each
variable, over all variables together and over the area of the domain.
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
"""A rank histogram is taken on at most so many points along each axis."""


def relative_rmse(benchmark: Benchmark, mean: Tensor, truth: Tensor) -> float:
    """‖mean − truth‖/‖truth‖ of fields (V, ny, nx)."""
    root = benchmark.domain.areas(truth).sqrt()
    error = root * (mean - truth) / benchmark.std(truth)[:, None, None]
    return float(error.norm() / (root * benchmark.normalise(truth)).norm())


def relative_spread(benchmark: Benchmark, spread: Tensor, truth: Tensor) -> float:
    """‖spread‖/‖truth‖ of fields (V, ny, nx): what ``relative_rmse`` is expected to be."""
    root = benchmark.domain.areas(truth).sqrt()
    normalised = root * spread / benchmark.std(truth)[:, None, None]
    return float(normalised.norm() / (root * benchmark.normalise(truth)).norm())


def crps(benchmark: Benchmark, ensemble: Tensor, truth: Tensor) -> float:
    """Continuous ranked probability score, mean over variables and area.

    Estimated from probability-weighted moments, unbiased for small ensembles, of an ensemble
    (M, V, ny, nx) against the truth (V, ny, nx). NaN for one member, where it is undefined.
    """
    if len(ensemble) < 2:
        return math.nan
    with ensemble.device:  # where the estimator is to make tensors of its own
        score = scoringrules.crps_ensemble(
            benchmark.normalise(truth.to(ensemble.device)),
            benchmark.normalise(ensemble),
            m_axis=0,
            estimator="pwm",
            backend="torch",
        )
    return float((score * benchmark.domain.areas(score)).mean())


def coverage(benchmark: Benchmark, ensemble: Tensor, truth: Tensor, level: float = 0.9) -> float:
    """Share of variables and area where the truth lies in the central interval of the ensemble.

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
    inside = inside.view_as(truth).float()
    return float((inside * benchmark.domain.areas(inside)).mean())


def spread_skill(mean_variance: float, mean_square_error: float, members: int) -> float:
    """Spread over error, 1 for a reliable ensemble (Fortin et al. 2014, J. Hydrometeorology).

    The ratio of the root of the mean (unbiased) ensemble variance to the root mean square
    error of the ensemble mean, with the factor √((M+1)/M) for a finite ensemble.
    """
    return math.sqrt((members + 1) / members * mean_variance / mean_square_error)


def rank_histogram(benchmark: Benchmark, ensemble: Tensor, truth: Tensor) -> np.ndarray:
    """How often the truth exceeds so many members: frequencies (M + 1,) of the ranks 0 to M.

    A reliable ensemble has a flat one (Hamill 2001, Monthly Weather Review). Over variables, and
    area on every few points of the grid, since neighbours tell the same; where the truth equals
    members it counts in equal parts for each rank that it may have. NaN of an ensemble
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
