"""Ensembles of another size that say the same: fewer or more members of one mean and covariance."""

from __future__ import annotations

import torch
from torch import Tensor


def resampled(ensemble: Tensor, members: int, generator: torch.Generator) -> Tensor:
    """An ensemble of ``members`` (M, D) made of one of N members (N, D).

    Fewer are a random part of the members, in their order. More are all of them and random
    combinations

        x = mean + X'ᵀ w,    w ~ N(0, 1/(N − 1) · M/(M − 1)),

    with the deviations X' (N, D). The expected mean and sample covariance of all M are then those
    of the N; the factor M/(M − 1) offsets that the M have a mean of their own. A single member is
    copied.

    Args:
        generator: on the CPU, so that the draws are the same for all devices.
    """
    n = len(ensemble)
    if members <= n:
        chosen = torch.randperm(n, generator=generator)[:members].sort().values
        return ensemble[chosen.to(ensemble.device)]
    if n == 1:
        return ensemble.repeat(members, 1)
    w = torch.randn(members - n, n, generator=generator).to(ensemble)
    w *= (members / (members - 1) / (n - 1)) ** 0.5
    mean = ensemble.mean(dim=0)
    return torch.cat([ensemble, mean + w @ (ensemble - mean)])
