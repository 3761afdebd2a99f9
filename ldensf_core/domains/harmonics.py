"""Spectral calculus on the sphere, in triangular truncation.

A scalar is Σ c_lm P_lm(sin φ) e^{imλ} with orthonormal harmonics; of a real field only orders
m ≥ 0 are stored. A horizontal wind is given by its vorticity ζ and divergence δ: with
ψ = ∇⁻²ζ and χ = ∇⁻²δ,

    u cos φ = (∂χ/∂λ − cos φ ∂ψ/∂φ) / a,    v cos φ = (∂ψ/∂λ + cos φ ∂χ/∂φ) / a,

and cos φ ∂/∂φ maps degree l to l ± 1 (Bourke 1972, Monthly Weather Review 100), so that all
transforms are scalar. The Legendre functions are from torch-harmonics.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch_harmonics.legendre import legpoly
from torch_harmonics.quadrature import legendre_gauss_weights


def gaussian_latitudes(truncation: int) -> tuple[Tensor, Tensor]:
    """Sines of latitudes, south first, and weights of the quadrature.

    The smallest even number for which products of two fields have no aliasing.
    """
    return legendre_gauss_weights(2 * math.ceil((3 * truncation + 1) / 4))


def even_latitudes(n: int) -> tuple[Tensor, Tensor]:
    """Sines of the middles of ``n`` equal intervals of latitude, south first, and weights.

    Fejér's first rule: exact for polynomials of the sine up to degree n − 1.
    """
    colatitude = (torch.arange(n, dtype=torch.float64).flip(0) + 0.5) * math.pi / n
    k = torch.arange(1, n // 2 + 1, dtype=torch.float64)
    waves = torch.cos(2 * k * colatitude[:, None]) / (4 * k**2 - 1)
    return torch.cos(colatitude), 2 / n * (1 - 2 * waves.sum(-1))


def recurrence(degree: Tensor, order: Tensor) -> Tensor:
    """ε_lm = √((l² − m²) / (4l² − 1)), which links P_lm to the next degrees; 0 for l < m."""
    return ((degree**2 - order**2).clamp_min(0) / (4 * degree**2 - 1)).sqrt()


class Sphere(nn.Module):
    """Transforms between grid and coefficients, and the operators between wind, ζ and δ.

    Coefficients have shape (..., L, M) with L = M = truncation + 1: degree, order.

    Args:
        truncation: largest degree T.
        radius: a, in m.
        latitudes: sines and quadrature weights, south first.
        n_lon: longitudes, evenly spaced.
        first: the first longitude, in rad.

    Attributes:
        sin_latitude, cos_latitude: (latitudes, 1). ``longitude``: (longitudes,), rad.
    """

    def __init__(
        self,
        truncation: int,
        radius: float,
        latitudes: tuple[Tensor, Tensor],
        n_lon: int,
        first: float = 0.0,
    ) -> None:
        super().__init__()
        self.truncation, self.radius, self.n_lon, self.first = truncation, radius, n_lon, first
        n = truncation + 1
        mu, weights = latitudes
        table = legpoly(n, n + 1, mu, csphase=False).mT.contiguous()  # (M, latitudes, L + 1)
        self.register_buffer("table", table)
        self.register_buffer("weighted", (2 * math.pi * table * weights[:, None]).mT.contiguous())
        self.register_buffer("sin_latitude", mu[:, None].clone())
        self.register_buffer("cos_latitude", (1 - mu**2).sqrt()[:, None])
        longitude = torch.as_tensor(first + np.arange(n_lon) / n_lon * 2 * math.pi)
        self.register_buffer("longitude", longitude)
        l = torch.arange(n + 2, dtype=torch.float64)[:, None]  # noqa: E741
        m = torch.arange(n, dtype=torch.float64)
        self.register_buffer("order", m)
        self.register_buffer("laplacian", (-l * (l + 1) / radius**2)[:n])
        inverse = -(radius**2) / (l * (l + 1))
        inverse[0] = 0.0
        self.register_buffer("inverse_laplacian", inverse[:n])
        epsilon = recurrence(l, m)
        self.register_buffer("from_above", ((l + 2)[:-1] * epsilon[1:]).contiguous())
        self.register_buffer("from_below", ((l - 1)[:-1] * epsilon[:-1]).contiguous())
        self.register_buffer("to_below", ((l + 1)[:n] * epsilon[:n]).contiguous())
        self.register_buffer("to_above", (l[:n] * epsilon[1 : n + 1]).contiguous())
        self.register_buffer("inside", (l[:n] >= m).double())

    def to_grid(self, coefficients: Tensor) -> Tensor:
        """(..., L, M), or one degree more, → (..., latitudes, longitudes)."""
        degrees = coefficients.shape[-2]
        parts = torch.view_as_real(coefficients)
        waves = torch.einsum("...lmr,mkl->...kmr", parts, self.table[..., :degrees])
        return torch.fft.irfft(self._turned(waves, self.first), n=self.n_lon, norm="forward")

    def to_spectral(self, grid: Tensor) -> Tensor:
        """(..., latitudes, longitudes) → (..., L, M)."""
        return self._projected(grid)[..., :-1, :] * self.inside

    def wind(self, vorticity: Tensor, divergence: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (..., L+1, M) of u cos φ and v cos φ: one degree more than ζ and δ."""
        psi = self.inverse_laplacian * vorticity / self.radius
        chi = self.inverse_laplacian * divergence / self.radius
        east_psi, east_chi = (
            nn.functional.pad(self._eastward(f), (0, 0, 0, 1)) for f in (psi, chi)
        )
        return east_chi - self._northward(psi), east_psi + self._northward(chi)

    def curl_and_divergence(self, east: Tensor, north: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (..., L, M) of k·∇×A and ∇·A of a vector field A given on the grid."""
        both = self._projected(torch.stack([east, north]) / self.cos_latitude) / self.radius
        east, north = both[0], both[1]
        curl = self._eastward(north)[..., :-1, :] + self._northward_adjoint(east)
        divergence = self._eastward(east)[..., :-1, :] - self._northward_adjoint(north)
        return curl * self.inside, divergence * self.inside

    def waves(self, profiles: Tensor) -> Tensor:
        """Coefficients (..., L, M) of Re Σ_m profile_m e^{imλ}, without the global mean.

        Args:
            profiles: (..., latitudes, n) complex, of the orders m = 0 to n − 1.
        """
        n = profiles.shape[-1]
        order = self.order[:n]
        halves = torch.where(order > 0, 0.5, torch.ones_like(order))  # −m holds the conjugate
        parts = torch.view_as_real(profiles) * halves[:, None]
        sums = torch.einsum("...kmr,mlk->...lmr", parts, self.weighted[:n, :-1])
        sums[..., 0, 0, :] = 0.0
        return nn.functional.pad(self._turned(sums, 0.0), (0, self.truncation + 1 - n))

    def _projected(self, grid: Tensor) -> Tensor:
        """(..., latitudes, longitudes) → (..., L+1, M): one degree more than stored."""
        waves = torch.fft.rfft(grid, norm="forward")[..., : self.truncation + 1]
        parts = torch.view_as_real(waves)
        sums = torch.einsum("...kmr,mlk->...lmr", parts, self.weighted)
        return self._turned(sums, -self.first)

    def _turned(self, parts: Tensor, angle: float) -> Tensor:
        """Complex numbers made of ``parts`` (..., M, 2), times e^{im·angle}."""
        waves = torch.view_as_complex(parts.contiguous())
        return (
            waves
            if angle == 0
            else waves * torch.polar(torch.ones_like(self.order), angle * self.order)
        )

    def _eastward(self, c: Tensor) -> Tensor:
        """∂/∂λ."""
        return torch.complex(-c.imag * self.order, c.real * self.order)

    def _northward(self, c: Tensor) -> Tensor:
        """cos φ ∂/∂φ: (..., L, M) → (..., L+1, M)."""
        above = nn.functional.pad(c[..., 1:, :], (0, 0, 0, 2))
        below = nn.functional.pad(c, (0, 0, 1, 0))
        return self.from_above * above - self.from_below * below

    def _northward_adjoint(self, c: Tensor) -> Tensor:
        """∫ A cos φ ∂P_lm/∂φ dμ from the coefficients (..., L+1, M) of A: (..., L, M)."""
        below = nn.functional.pad(c, (0, 0, 1, 0))[..., :-2, :]
        return self.to_below * below - self.to_above * c[..., 1:, :]
