"""Innovations: how far measurements are from their forecast.

With ŷ the mean of the forecast's members at the sensors and S the covariance of the members there
plus the variances of the observation's error and of the model's,

    χ²/n = (y − ŷ)ᵀ S⁻¹ (y − ŷ) / n

has the expectation 1 for n measurements if model, noise and ensemble are what the filter takes them
for (Ménard et al. 2000, Monthly Weather Review 128; Desroziers et al. 2005, Q. J. R. Meteorol. Soc.
131).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations.observation import Observation

SMALLEST_NOISE = 1e-3
"""Smallest noise, as a share of a variable's standard deviation; smaller noise is raised to it:
single precision resolves no less."""
MOST = 200
"""Most members whose covariance is used: more cost more than they tell."""
WINDOW = 10
"""Number of the latest observations over which χ²/n is averaged."""


@dataclass(frozen=True)
class Innovation:
    """χ² of the measurements of one time.

    Attributes:
        counts: number of measurements n of each variable.
        squares: χ² of all measurements together, and then of each variable alone.
    """

    counts: tuple[int, ...]
    squares: tuple[float, ...]


def innovation(
    benchmark: Benchmark, predicted: Tensor, observation: Observation, error: Tensor | float = 0.0
) -> Innovation:
    """Compare measurements with an ensemble's forecast of them; computes on the CPU.

    A GPU's batched linear algebra may wait for the whole device, see ``streams``.

    Args:
        predicted: members at the sensors, normalised, (M, n, V); the first ``MOST`` are used.
        error: variance of the model's error there, normalised, (n, V).
    """
    predicted = predicted[:MOST].cpu()
    error = error.cpu() if isinstance(error, Tensor) else error
    values, noise = observation.values.to(predicted), observation.std.to(predicted)
    std = benchmark.std(values)
    y = (values - benchmark.mean(values)) / std
    variance = (noise / std).clamp_min(SMALLEST_NOISE).square() + error
    variance = variance.expand_as(y)
    present = ~y.isnan()
    mean = predicted.mean(0)
    anomalies = (predicted - mean).double() / math.sqrt(max(len(predicted) - 1, 1))
    root = variance.double().sqrt()
    residual = torch.where(present, (y - mean).double(), 0.0) / root
    anomalies = torch.where(present, anomalies, 0.0) / root
    # Of all, then of each variable: masks (1 + V, n, V).
    each = torch.eye(y.shape[1], dtype=torch.float64, device=y.device)[:, None]
    masks = torch.cat([torch.ones_like(each[:1]), each]).expand(-1, len(y), -1).flatten(1)
    r, a = residual.flatten(), anomalies.flatten(1)
    # (I + AᵀA)⁻¹ by Woodbury: systems of the ensemble's size, however many measurements.
    inner = (masks[:, None] * a) @ a.mT
    inner.diagonal(dim1=1, dim2=2).add_(1)
    projected = (masks * r) @ a.mT
    explained = (projected * torch.linalg.solve(inner, projected)).sum(1)
    squares = masks @ r.square() - explained
    return Innovation(tuple(present.sum(0).tolist()), tuple(squares.tolist()))


def normalised_square(
    innovations: Iterable[Innovation | None], variable: int | None = None
) -> float:
    """χ²/n of the latest ``WINDOW`` innovations together; NaN if there is no measurement.

    Args:
        innovations: in the order of time; None where nothing was compared.
        variable: index of one variable; by default all together.
    """
    latest = [i for i in innovations if i is not None][-WINDOW:]
    if variable is None:
        n, total = sum(sum(i.counts) for i in latest), sum(i.squares[0] for i in latest)
    else:
        n = sum(i.counts[variable] for i in latest)
        total = sum(i.squares[1 + variable] for i in latest)
    return total / n if n else math.nan


def disagreement(innovations: Iterable[Innovation | None], limit: float) -> str | None:
    """What to tell people if the latest observations disagree with the model; None if they do not.

    Args:
        limit: largest χ²/n of many measurements that agree. Of few measurements larger values are
            chance: four standard deviations of it, √(2/n), are allowed.
    """
    latest = [i for i in innovations if i is not None][-WINDOW:]
    n, found = sum(sum(i.counts) for i in latest), normalised_square(latest)
    if not n or not found > limit + 4 * math.sqrt(2 / n):
        return None
    return f"the observations disagree with this model: χ²/n = {found:.3g} where 1 is expected."
