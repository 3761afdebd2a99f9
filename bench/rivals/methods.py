"""Methods as pure functions: data, members of the prior (M, P), generator → members (M, P)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ldensf_core.filters.latent_smoother import BESIDE
from rivals.data import Data, bounded

DRAWS = 1000
"""Draws of the prior that are weighted."""
PRIOR_PRECISION = 3.0
"""Of a Gaussian with the variance of the uniform prior on [−1, 1], where one is needed."""
WORSE = 30.0
"""What −2 log p(y | u) of a draw of the posterior hardly exceeds the least one by."""


def weighted_draws(data: Data, prior: Tensor, _: torch.Generator, members: int) -> Tensor:
    """Draws of the prior with their likelihoods as weights, resampled evenly to ``members``.

    Importance sampling, with systematic resampling (Kitagawa 1996, J. Comput. Graph. Stat. 5).
    """
    reached = torch.softmax(-data.misfit(prior) / 2, dim=0).cumsum(0)
    share = (torch.arange(members, dtype=reached.dtype) + 0.5) / members
    return prior[torch.searchsorted(reached, share).clamp_(max=len(prior) - 1)]


def es_mda(data: Data, prior: Tensor, generator: torch.Generator, assimilations: int = 4) -> Tensor:
    """The data several times with their variance multiplied by the number of times.

    Ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013, Comput. Geosci.
    55).
    """
    u, count = prior, len(prior)
    for _ in range(assimilations):
        values = data.values(u)
        root = (assimilations * data.variance(u.mean(0, keepdim=True))).sqrt()
        noise = torch.randn(values.shape, generator=generator).to(values)
        departures = ((data.y - values) / root + noise).double()
        anomalies = ((values - values.mean(0)) / root).double() / math.sqrt(count - 1)
        inner = torch.eye(count, dtype=torch.float64) + anomalies @ anomalies.mT
        weights = torch.linalg.solve(inner, anomalies @ departures.mT).mT.to(u)
        u = bounded(u + weights @ (u - u.mean(0)) / math.sqrt(count - 1))
    return u


def ienks(data: Data, prior: Tensor, _: torch.Generator, steps: int = 3) -> Tensor:
    """A Gauss-Newton bundle from the prior's mean, over ``windows``.

    The iterative ensemble Kalman smoother (Bocquet and Sakov 2014, Q. J. R. Meteorol. Soc. 140).
    """
    parts = [part for part in data.windows() for _ in range(steps)]
    return _in_ensemble_space(parts, prior, BESIDE)


def envar(data: Data, prior: Tensor, _: torch.Generator, loops: int = 4) -> Tensor:
    """4DEnVar: derivatives are differences across the whole prior ensemble, in outer loops.

    As in LEVDA (Si and Chen, arXiv 2602.19406), with the parameters alone as control.
    """
    return _in_ensemble_space([data] * loops, prior, math.sqrt(len(prior) - 1))


def _in_ensemble_space(parts: Iterable[Data], prior: Tensor, width: float) -> Tensor:
    """Minimise ½ |w|² + ½ |y − H(ū + w A)|² over ensemble weights w, one step for each part.

    A are the prior's anomalies over √(M − 1). H is linearised by runs at distance ``width`` A.
    Members are the mean and A transformed by the root of the inverse Hessian.
    """
    count = len(prior)
    mean = prior.mean(0)
    anomalies = (prior - mean) / math.sqrt(count - 1)
    eye = torch.eye(count, dtype=torch.float64)
    centre, w = mean, eye[0] * 0
    for part in parts:
        values = part.values(bounded(centre + width * anomalies))
        root = part.variance(centre[None]).sqrt()
        slopes = ((values - values.mean(0)) / root).double() / width
        departure = ((part.y - values.mean(0)) / root)[0].double()
        hessian = eye + slopes @ slopes.mT
        w = w - torch.linalg.solve(hessian, w - slopes @ departure)
        moved = mean + w.to(mean) @ anomalies
        centre = bounded(moved)
        w = w + ((centre - moved) @ torch.linalg.pinv(anomalies)).double()
    values, vectors = torch.linalg.eigh(hessian)
    transform = (vectors / values.sqrt() @ vectors.mT).to(prior)
    return bounded(centre + math.sqrt(count - 1) * transform @ anomalies)


def rml(
    data: Data, prior: Tensor, generator: torch.Generator, steps: int = 3, pruned: bool = False
) -> Tensor:
    """Every member fits its own perturbed data from its own draw of the prior, over ``windows``.

    Randomised maximum likelihood (Oliver, He and Reynolds 1996, ECMOR V), with damped Gauss-Newton
    steps (Levenberg and Marquardt): a step that does not lower the member's misfit is not made.

    Args:
        pruned: members that fit the data much worse than the best one are replaced by the others.
    """
    root = data.variance(prior).sqrt()
    y = data.y + root * torch.randn(root.shape, generator=generator).to(root)
    u = prior
    for part in data.windows():
        n = len(part.y)
        u = _damped_fit(part, y[:, :n], root[:, :n], prior, u, steps)
    if not pruned:
        return u
    misfit = data.misfit(u)
    fit = u[misfit < misfit.min() + WORSE]
    return fit[torch.arange(len(u)) % len(fit)]


def _damped_fit(
    data: Data, y: Tensor, root: Tensor, prior: Tensor, u: Tensor, steps: int
) -> Tensor:
    """Steps from u (M, P) for members' own data and standard deviations, (M, D) each."""
    eye = torch.eye(prior.shape[1]).to(prior)

    def fitted(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Misfit, downhill vector and Hessian."""
        values, jacobian = data.linearised(u)
        residual, scaled = (y - values) / root, jacobian / root[..., None]
        gradient = (residual[:, None] @ scaled)[:, 0] - PRIOR_PRECISION * (u - prior)
        misfit = residual.square().sum(1) + PRIOR_PRECISION * (u - prior).square().sum(1)
        return misfit, gradient, scaled.mT @ scaled + PRIOR_PRECISION * eye

    misfit, gradient, hessian = fitted(u)
    damping = torch.full_like(misfit, 0.01)
    for _ in range(steps):
        damped = hessian + damping[:, None, None] * hessian * eye
        trial = bounded(u + torch.linalg.solve(damped, gradient))
        new = fitted(trial)
        better = new[0] < misfit
        damping = torch.where(better, damping / 10, damping * 10)
        u = torch.where(better[:, None], trial, u)
        misfit = torch.where(better, new[0], misfit)
        gradient = torch.where(better[:, None], new[1], gradient)
        hessian = torch.where(better[:, None, None], new[2], hessian)
    return u


def score(
    data: Data,
    prior: Tensor,
    generator: torch.Generator,
    steps: int = 100,
    epsilon: float = 0.05,
    implicit: bool = False,
) -> Tensor:
    """The ensemble score filter over u, with the gradient of the decoded likelihood.

    Reverse SDE, schedule and damping are those of Bao, Zhang and Zhang (2024, Computer Methods in
    Applied Mechanics and Engineering 432), see ``ldensf_core.analyses.score.euler_loop``.

    Args:
        implicit: steps are implicit in the likelihood, linearised: explicit ones are unstable
            where they are larger than the likelihood is wide.
    """
    step = 1 / steps
    eye = torch.eye(prior.shape[1]).to(prior)
    x = torch.randn(prior.shape, generator=generator).to(prior)
    for t in (1 - torch.arange(steps, dtype=torch.float64) / steps).tolist():
        alpha = 1 - (1 - epsilon) * t
        f = -(1 - epsilon) / alpha
        g2 = 1 - 2 * f * t
        at = bounded(x)
        values, jacobian = data.linearised(at)
        weighted = (jacobian / data.variance(at)[..., None]).mT
        pull = step * g2 * (1 - t)
        push = pull * (weighted @ (data.y - values)[..., None])[..., 0]
        drift = f * x + g2 * (x - alpha * prior) / t
        noise = torch.randn(prior.shape, generator=generator).to(prior)
        change = push - step * drift + math.sqrt(step * g2) * noise
        if implicit:
            change = torch.linalg.solve(eye + pull * weighted @ jacobian, change)
        x = x + change
    return bounded(x)


class Rival(NamedTuple):
    """A function of data, prior and generator; the members that it takes and gives."""

    fit: Callable[[Data, Tensor, torch.Generator], Tensor]
    drawn: int
    members: int
    history: bool = True


RIVALS = {
    "draws": Rival(partial(weighted_draws, members=20), DRAWS, 20, history=False),
    "draws, 100": Rival(partial(weighted_draws, members=100), DRAWS, 100, history=False),
    "es-mda": Rival(es_mda, 20, 20),
    "es-mda, 100": Rival(es_mda, 100, 100),
    "ienks": Rival(ienks, 20, 20),
    "rml": Rival(rml, 20, 20),
    "rml, pruned": Rival(partial(rml, pruned=True), 20, 20),
    "4denvar": Rival(envar, 20, 20),
    "score": Rival(score, 20, 20),
    "score, implicit": Rival(partial(score, implicit=True), 20, 20),
}
