"""A posterior as a sum of Gaussians, each corrected by Gauss-Newton steps.

Unknowns u have a prior of C Gaussians. Each component keeps the quadratic approximation, about its
centre, of what its prior and all observations so far say:

    −2 log p(u | y) ≈ ρ − 2 gᵀ (u − centre) + (u − centre)ᵀ Λ (u − centre)

A new observation y = H(u) + e, linearised at the centre, H(u) ≈ h + J (u − centre), adds

    Λ += Jᵀ W J,    g += Jᵀ W r,    ρ += Σ loss(r/σ)        r = y − h

and nothing of earlier observations is needed. A component's mean is centre + Λ⁻¹ g; its weight is
its evidence, exp(−½ (ρ − gᵀ Λ⁻¹ g)) |Λ|^(−½). This is the Gaussian sum filter (Alspach and Sorenson
1972, IEEE Transactions on Automatic Control 17) with the iterated update of Bell and Cathey (1993,
same journal, 38). Components keep several modes apart as long as the data leave several.

The loss is z² up to κ standard deviations and κ² (1 + 2 log |z|/κ) beyond, with slope and value
continuous: a Gaussian error with tails like those of Cauchy's. So a wild value hardly moves the
unknowns, and hardly tells components apart. W = w/σ² with w = loss'(z)/2z = min(1, κ²/z²), the
weights of iterated least squares (Holland and Welsch 1977, Communications in Statistics 6): the
quadratic function never lies below the loss, so that ρ − gᵀ Λ⁻¹ g is never negative.

Accumulated numbers are in double precision: after thousands of values, differences of ρ between
components are a small part of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

KAPPA = 3.0
"""κ: a Gaussian error is larger in one of 370 cases."""


class Evidence(NamedTuple):
    """What one observation adds to each component.

    Attributes:
        precision: Jᵀ W J, (C, P, P). ``gradient``: Jᵀ W r, (C, P). ``misfit``: (C,).
    """

    precision: Tensor
    gradient: Tensor
    misfit: Tensor


def evidence(predicted: Tensor, jacobian: Tensor, y: Tensor, weight: Tensor) -> Evidence:
    """What an observation adds.

    Args:
        predicted: h, (C, N). ``jacobian``: J, (C, N, P).
        y: (N,), any finite number where nothing was measured.
        weight: 1/σ² of each value, (N,); 0 where nothing was measured.
    """
    root = weight.double().sqrt()
    scaled = (y - predicted).double() * root
    far = (scaled.abs() / KAPPA).clamp(min=1)
    shrunk = scaled / far
    slopes = jacobian.double() * (root / far)[..., None]
    loss = shrunk.square() + 2 * KAPPA**2 * far.log()
    return Evidence(slopes.mT @ slopes, (slopes.mT @ shrunk[..., None])[..., 0], loss.sum(1))


class GaussianSum:
    """C Gaussian components of P unknowns; at first all of one width and one weight.

    Args:
        centre: (C, P).
        width: standard deviation of every component along every unknown.

    Attributes:
        centre: where observations are linearised.
        precision: Λ, (C, P, P). ``gradient``: g, (C, P). ``misfit``: ρ, (C,).
    """

    def __init__(self, centre: Tensor, width: float) -> None:
        count, unknowns = centre.shape
        self.centre = centre.double()
        eye = torch.eye(unknowns, dtype=torch.float64, device=centre.device)
        self.precision = eye.expand(count, -1, -1) / width**2
        self.gradient = torch.zeros_like(self.centre)
        self.misfit = self.gradient.new_zeros(count)

    def __len__(self) -> int:
        return len(self.centre)

    def tensors(self) -> list[Tensor]:
        """All that changes."""
        return [self.centre, self.precision, self.gradient, self.misfit]

    def add(self, new: Evidence) -> None:
        """Take in an observation linearised at ``centre``, in place."""
        self.precision.add_(new.precision)
        self.gradient.add_(new.gradient)
        self.misfit.add_(new.misfit)

    def move_towards(self, new: Evidence, bound: float) -> None:
        """Move every centre to its mean given a new observation as well, which is not added.

        Args:
            bound: largest absolute value of a centre's unknowns.
        """
        root = torch.linalg.cholesky_ex(self.precision + new.precision).L
        step = _solve(root, self.gradient + new.gradient)
        centre = (self.centre + step).clamp(-bound, bound)
        step = centre - self.centre
        pulled = (self.precision @ step[..., None])[..., 0]
        self.misfit.add_(((pulled - 2 * self.gradient) * step).sum(1))
        self.gradient.sub_(pulled)
        self.centre.copy_(centre)

    def log_weights(self) -> Tensor:
        """Logarithms of the components' weights, which add up to 1: (C,)."""
        return self._log_weights(torch.linalg.cholesky_ex(self.precision).L)

    def draw(self, normals: Tensor) -> tuple[Tensor, Tensor]:
        """Members of the sum: the index of each one's component, (M,), and u − centre, (M, P).

        Member number i belongs to the component at the quantile (i + ½)/M of the weights: every
        component gets its share of members.

        Args:
            normals: standard normal numbers, (M, P).
        """
        root = torch.linalg.cholesky_ex(self.precision).L
        members = len(normals)
        share = (torch.arange(members, dtype=torch.float64, device=normals.device) + 0.5) / members
        reached = self._log_weights(root).exp().cumsum(0)
        index = torch.searchsorted(reached, share).clamp_(max=len(self) - 1)
        about = torch.linalg.solve_triangular(
            root.mT[index], normals.double()[..., None], upper=True
        )[..., 0]
        return index, _solve(root, self.gradient)[index] + about

    def distinct(self, least: float, near: float) -> tuple[Tensor, Tensor]:
        """Which components to keep, (C',), and for each the sum of the weights that it stands for.

        Args:
            least: components of a smaller weight are dropped.
            near: components this close to a weightier one are merged; in standard deviations.
        """
        root = torch.linalg.cholesky_ex(self.precision).L
        weights = self._log_weights(root).exp()
        mean = self.centre + _solve(root, self.gradient)
        kept: list[int] = []
        sums: list[float] = []
        for i in weights.argsort(descending=True).tolist():
            if weights[i] < least:
                break
            apart = (root[kept].mT @ (mean[kept] - mean[i])[..., None])[..., 0].norm(dim=1)
            if (apart < near).any():
                sums[int(apart.argmin())] += float(weights[i])
            else:
                kept.append(i)
                sums.append(float(weights[i]))
        return torch.tensor(kept, device=mean.device), weights.new_tensor(sums)

    def keep(self, index: Tensor, weights: Tensor) -> None:
        """Drop all components but those at ``index`` (C',), which get the given weights (C',)."""
        before = self.log_weights()[index]
        for name in ("centre", "precision", "gradient", "misfit"):
            setattr(self, name, getattr(self, name)[index])
        self.misfit.sub_(2 * (weights.log() - before))

    def _log_weights(self, root: Tensor) -> Tensor:
        explained = _forward(root, self.gradient).square().sum(1)
        half_log = root.diagonal(dim1=1, dim2=2).log().sum(1)
        return torch.log_softmax(0.5 * (explained - self.misfit) - half_log, dim=0)


def prior_centres(count: int, unknowns: int, seed: int) -> Tensor:
    """``count`` points spread evenly over [−1, 1]^P (Sobol 1967, scrambled by the seed): (C, P)."""
    engine = torch.quasirandom.SobolEngine(unknowns, scramble=True, seed=seed)
    return 2 * engine.draw(count, dtype=torch.float32) - 1


def even_normals(members: int, unknowns: int, generator: torch.Generator) -> Tensor:
    """Normal draws (M, P) on the CPU, rotated and scaled to mean zero and unit covariance.

    For too few members to have that covariance, plain draws.
    """
    draws = torch.randn(members, unknowns, generator=generator, dtype=torch.float64)
    if members <= unknowns + 1:
        return draws
    left, _, right = torch.linalg.svd(draws - draws.mean(0), full_matrices=False)
    return left @ right * math.sqrt(members - 1)


def _forward(root: Tensor, vector: Tensor) -> Tensor:
    """R⁻¹ v for lower triangles R (C, P, P) and v (C, P)."""
    return torch.linalg.solve_triangular(root, vector[..., None], upper=False)[..., 0]


def _solve(root: Tensor, vector: Tensor) -> Tensor:
    """(R Rᵀ)⁻¹ v."""
    back = _forward(root, vector)[..., None]
    return torch.linalg.solve_triangular(root.mT, back, upper=True)[..., 0]
