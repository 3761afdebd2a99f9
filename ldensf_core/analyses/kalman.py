"""Analyses of the ensemble Kalman filters, as pure functions.

The analysis of the ensemble transform Kalman filter (ETKF) is a combination of the M forecast
members. X and Y are the members' deviations from their mean, of the state and of its observed
part, and ρ is the inflation of the forecast's variance:

    P̃ = [(M − 1)/ρ I + Yᵀ R⁻¹ Y]⁻¹
    w̄ = P̃ Yᵀ R⁻¹ (y − ȳ),    W = [(M − 1) P̃]^½        the symmetric root
    x̄ᵃ = x̄ + X w̄,            Xᵃ = X W

(Hunt, Kostelich and Szunyogh 2007, Physica D 230, equations 20 to 25). The local filter (LETKF)
does this separately at every point, with R⁻¹ tapered to zero with distance. The symmetric root
depends continuously on the weights of the observations, so neighbouring points agree. No random
numbers are drawn.

Weights are computed in double precision, which costs a quarter more on one core. With many precise
observations that agree, errors of single precision, 10⁻⁷ of the largest eigenvalue, would spoil the
smallest ones, which weigh most.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 2**23
"""Most elements of an intermediate array: 64 MB in double precision."""


def enkf_analysis(
    ensemble: Tensor, y: Tensor, variance: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """The stochastic ensemble Kalman filter for a fully observed state: analysis members (M, D).

    Each member gets the observation with a separate draw of the noise, xᵃ = x + K (y + ε − x) with
    K = P (P + R)⁻¹ and P the ensemble's covariance (Burgers, van Leeuwen and Evensen 1998,
    Monthly Weather Review 126).

    Args:
        ensemble: forecast members, (M, D).
        y: observation, (D,). ``variance``: of its noise, (D,), positive.
        generator: of the noise, on the device of ``ensemble``; None: the device's default.
    """
    noise = torch.randn(
        ensemble.shape, generator=generator, dtype=ensemble.dtype, device=ensemble.device
    )
    departures = (y + variance.sqrt() * noise - ensemble).double()
    deviations = (ensemble - ensemble.mean(dim=0)).double()
    covariance = deviations.mT @ deviations / max(len(ensemble) - 1, 1)
    # P + R is singular only for an ensemble that is not finite; the result is then NaN.
    total = covariance + variance.double().diag()
    weights = torch.linalg.solve_ex(total, departures.mT, check_errors=False).result
    return ensemble + (covariance @ weights).mT.to(ensemble)


def letkf_analysis(
    ensemble: Tensor,
    observed: Tensor,
    y: Tensor,
    variance: Tensor,
    taper: Tensor,
    inflation: float = 1.0,
) -> Tensor:
    """Analysis members, (M, ..., G); the ETKF if ``taper`` is a single row of ones.

    Args:
        ensemble: forecast members at G points, (M, ..., G).
        observed, y, variance, taper, inflation: as for ``update_weights``.

    Raises:
        ValueError: as ``update_weights``.
    """
    return updated(ensemble, update_weights(observed, y, variance, taper, inflation))


def update_weights(
    observed: Tensor, y: Tensor, variance: Tensor, taper: Tensor, inflation: float = 1.0
) -> Tensor:
    """Matrices w̄ + W − I of G points, (G, M, M): multiples of deviations that members gain.

    Args:
        observed: H x of each forecast member, (M, n).
        y: observations, (n,). ``variance``: of their noise, (n,), positive.
        taper: weight of every observation at every point, (G, n), from 0 to 1; it multiplies
            R⁻¹. A point without any weight is neither corrected nor inflated: its spread would
            otherwise grow without bound.
        inflation: √ρ, factor of the forecast's deviations.

    Returns:
        The matrices; NaN for an ensemble that is not finite.

    Raises:
        ValueError: if a variance or the inflation is not positive.
    """
    if not (variance > 0).all():
        raise ValueError(f"variance = {variance.min().item():g}: more than 0 is needed")
    if not inflation > 0:
        raise ValueError(f"inflation = {inflation}: more than 0 is needed")
    members = len(observed)
    mean, root = observed.double().mean(dim=0), variance.double().sqrt()
    deviations = (observed.double() - mean) / root
    innovation = (y.double() - mean) / root
    degrees = max(members - 1, 1)  # avoids 0 for one member, which has no deviations
    lost = observed.new_full((1, 1, 1), torch.nan).expand(len(taper), members, members)
    if not deviations.isfinite().all():
        return lost
    parts = []
    for local in taper.double().split(max(1, CHUNK // members**2)):
        try:
            eigenvalues, q = torch.linalg.eigh(_information(deviations, local))
        except torch.linalg.LinAlgError:  # finite, but magnitudes differ too much
            return lost
        precision = degrees / inflation**2 + eigenvalues.clamp(min=0.0)
        gradient = (local * innovation) @ deviations.mT  # Yᵀ R⁻¹ (y − ȳ), (g, M)
        of_mean = q @ ((q.mT @ gradient[..., None]) / precision[..., None])
        of_deviations = (q * ((degrees / precision).sqrt() - 1)[:, None]) @ q.mT
        seen = (local > 0).any(dim=1)
        parts.append(((of_mean + of_deviations) * seen[:, None, None]).to(observed))
    return torch.cat(parts)


def updated(ensemble: Tensor, weights: Tensor) -> Tensor:
    """Members (M, ..., G) after applying weights (G, M, M), or (1, M, M) for all points."""
    deviations = ensemble - ensemble.mean(dim=0)
    return ensemble + torch.einsum("k...g,gki->i...g", deviations, weights)


def _information(deviations: Tensor, taper: Tensor) -> Tensor:
    """Yᵀ R⁻¹ Y at every point, (g, M, M), from Y/σ (M, n) and the taper (g, n)."""
    members = len(deviations)
    total = taper.new_zeros(len(taper), members**2)
    size = max(1, CHUNK // members**2)
    for part, tapers in zip(deviations.split(size, 1), taper.split(size, 1), strict=True):
        products = part.mT[:, :, None] * part.mT[:, None, :]
        total.addmm_(tapers, products.flatten(1))
    return total.view(-1, members, members)
