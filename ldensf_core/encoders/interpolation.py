"""Optimal interpolation: scattered, noisy values → coefficients in a basis.

    w = (I + Gᵀ G / r)⁻¹ Gᵀ y / r,    G = H Φ D

with D the climatological standard deviations of the coefficients, Φ the basis functions, H the
sensors and r the variance of the noise plus that of what the basis leaves out (Gandin 1963). The
result has the same meaning for any number and layout of sensors and any noise, which is what
lets one encoder serve them all: w is in units of its climatological spread, goes to zero where
nothing is known, and comes with the share of variance that stays unknown.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ldensf_core.surrogate.spectral import WallBasis


class OptimalInterpolation(nn.Module):
    """Linear estimate of basis coefficients from normalised measurements.

    Args:
        basis: of normalised fields; C coefficients of each of V variables.
        deviations: (V, C), climatological standard deviations of the coefficients, D.
        residual: (V,), variance of the fields that the basis leaves out.
    """

    def __init__(self, basis: WallBasis, deviations: Tensor, residual: Tensor) -> None:
        super().__init__()
        self.basis = basis
        self.register_buffer("deviations", deviations)
        self.register_buffer("residual", residual)

    def gain(self, positions: Tensor, present: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix that maps normalised values (less the value at rest) to coefficients.

        Args:
            positions: (n, 2), (x, y).
            present: (n, V), false where a value is missing.
            noise: (V,), standard deviation of the noise of normalised values.

        Returns:
            gain (V, C, n) and the share of climatological variance that stays unknown (V,).
        """
        waves = self.basis.evaluate(positions) * self.deviations.double()[:, None]  # G, (V, n, C)
        weights = present.mT.double() / (noise.double().square() + self.residual)[:, None]
        weighted = (waves * weights[..., None]).mT  # (V, C, n)
        precision = weighted @ waves
        precision.diagonal(dim1=-2, dim2=-1).add_(1.0)
        root = torch.linalg.cholesky(precision)
        covariance = torch.cholesky_inverse(root)
        variance = self.deviations.double().square()
        unknown = (covariance.diagonal(dim1=-2, dim2=-1) * variance).sum(-1) / variance.sum(-1)
        return (covariance @ weighted).float(), unknown.float()
