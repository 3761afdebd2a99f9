"""Analyses of the ensemble Kalman filters, as pure functions.

The ensemble transform Kalman filter (ETKF) looks for the analysis among the combinations of the
M forecast members. With X and Y the members' deviations from their mean, of the state and of
what of it is observed, and ρ the inflation of the forecast's variance,

    P̃ = [(M − 1)/ρ I + Yᵀ R⁻¹ Y]⁻¹
    w̄ = P̃ Yᵀ R⁻¹ (y − ȳ),    W = [(M − 1) P̃]^½        the symmetric root
    x̄ᵃ = x̄ + X w̄,            Xᵃ = X W

(Hunt, Kostelich and Szunyogh 2007, Physica D 230, equations 20 to 25). The local one (LETKF)
does so at every point on its own, with R⁻¹ tapered to zero by the observations' distance. The
symmetric root depends continuously on the observations' weights, so that neighbours agree. No
random numbers are drawn.

Weights are computed in double precision: with single, errors of 10⁻⁷ of the largest
eigenvalue would show in the smallest, which weigh most, once many precise observations agree;
on one core this costs a quarter more.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 2**23
"""Numbers of one intermediate array, at most: 64 MB in double precision."""


def enkf_analysis(
    ensemble: Tensor, y: Tensor, variance: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """The stochastic ensemble Kalman filter where the whole state is observed, (M, D).

    Each member sees the observation with its own draw of the noise, xᵃ = x + K (y + ε − x) with
    K = P (P + R)⁻¹ and P the ensemble's covariance (Burgers, van Leeuwen and Evensen 1998,
    Monthly Weather Review 126).

    Args:
        ensemble: forecast members, (M, D).
        y: observation, (D,). ``variance``: of its noise, (D,), positive.
        generator: of the noise, on the device of ``ensemble``; none is the device's default.
    """
    noise = torch.randn(
        ensemble.shape, generator=generator, dtype=ensemble.dtype, device=ensemble.device
    )
    departures = (y + variance.sqrt() * noise - ensemble).double()
    deviations = (ensemble - ensemble.mean(dim=0)).double()
    covariance = deviations.mT @ deviations / max(len(ensemble) - 1, 1)
    # With R the sum is singular for an ensemble that is not finite alone, which gives NaN.
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
    """Analysis members, (M, ..., G); the ETKF where ``taper`` is one and has one row.

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
    """The matrices w̄ + W − I of G points, (G, M, M): what of each deviation each member gains.

    Args:
        observed: what of each forecast member is observed, H x, (M, n).
        y: observations, (n,). ``variance``: of their noise, (n,), positive.
        taper: weight of every observation at every point, (G, n), from 0 to 1; it multiplies
            R⁻¹. Where it is zero throughout, so are the weights: what nothing corrects is not
            inflated either, lest its spread grow for ever.
        inflation: √ρ, factor of the forecast's deviations.

    Returns:
        The matrices; NaN for an ensemble that has blown up.

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
    degrees = max(members - 1, 1)  # one member has no deviations to weigh
    lost = observed.new_full((1, 1, 1), torch.nan).expand(len(taper), members, members)
    if not deviations.isfinite().all():
        return lost
    parts = []
    for local in taper.double().split(max(1, CHUNK // members**2)):
        try:
            eigenvalues, q = torch.linalg.eigh(_information(deviations, local))
        except torch.linalg.LinAlgError:  # finite, but of too many magnitudes
            return lost
        precision = degrees / inflation**2 + eigenvalues.clamp(min=0.0)
        gradient = (local * innovation) @ deviations.mT  # Yᵀ R⁻¹ (y − ȳ), (g, M)
        of_mean = q @ ((q.mT @ gradient[..., None]) / precision[..., None])
        of_deviations = (q * ((degrees / precision).sqrt() - 1)[:, None]) @ q.mT
        seen = (local > 0).any(dim=1)
        parts.append(((of_mean + of_deviations) * seen[:, None, None]).to(observed))
    return torch.cat(parts)


def updated(ensemble: Tensor, weights: Tensor) -> Tensor:
    """Members (M, ..., G) after ``update_weights`` (G, M, M), or (1, M, M) for all points."""
    deviations = ensemble - ensemble.mean(dim=0)
    return ensemble + torch.einsum("k...g,gki->i...g", deviations, weights)


def _information(deviations: Tensor, taper: Tensor) -> Tensor:
    """Yᵀ R⁻¹ Y of every point, (g, M, M), from Y/σ (M, n) and the taper (g, n)."""
    members = len(deviations)
    total = taper.new_zeros(len(taper), members**2)
    size = max(1, CHUNK // members**2)
    for part, tapers in zip(deviations.split(size, 1), taper.split(size, 1), strict=True):
        products = part.mT[:, :, None] * part.mT[:, None, :]
        total.addmm_(tapers, products.flatten(1))
    return total.view(-1, members, members)
