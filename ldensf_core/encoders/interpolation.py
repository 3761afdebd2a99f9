"""Optimal interpolation: scattered, noisy values → coefficients in a basis.

    w = (I + Gᵀ G / r)⁻¹ Gᵀ y / r,    G = H Φ D

D holds the climatological standard deviations of the coefficients, Φ the basis functions, H the
sensors; r is the variance of the noise plus that of the scales that the basis leaves out (Gandin
1963). The result has the same meaning whatever the sensors and the noise, so that one encoder can
read them all; it is right for networks like those that it was trained on. w is in units of its
climatological spread, goes to zero where nothing is known, and comes with the share of variance
that stays unknown at each scale.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ldensf_core.domains.bases import Basis


class OptimalInterpolation(nn.Module):
    """Linear estimate of basis coefficients from normalised measurements.

    Args:
        basis: of normalised fields; K coefficients in G groups, each of some variables.
        deviations: (K,), climatological standard deviations of the coefficients, D.
        residual: (V,), variance of the fields that the basis leaves out.

    Attributes:
        bands: for each group, octaves of its coefficients, ranked by falling climatological
            variance.
        count: S, number of bands of all groups.
    """

    def __init__(self, basis: Basis, deviations: Tensor, residual: Tensor) -> None:
        super().__init__()
        self.basis = basis
        self.register_buffer("deviations", deviations)
        self.register_buffer("residual", residual)
        self.bands = [_octaves(len(range(basis.count)[g.coefficients])) for g in basis.groups]
        self.count = sum(map(len, self.bands))

    def gain(self, positions: Tensor, present: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix from normalised values, minus the value at rest, to coefficients.

        Args:
            positions: (n, 2), (x, y).
            present: (n, V), False where a value is missing.
            noise: (V,), standard deviation of the noise of normalised values.

        Returns:
            gain (K, V, n), and the share of climatological variance that stays unknown in each
            band (S,).
        """
        waves = self.basis.evaluate(positions) * self.deviations.double()  # G, (V, n, K)
        weights = present.mT.double() / (noise.double().square() + self.residual)[:, None]
        gain = torch.zeros(
            self.basis.count, *weights.shape, dtype=torch.float32, device=weights.device
        )
        unknown = []
        for group, bands in zip(self.basis.groups, self.bands, strict=True):
            variables = list(group.variables)
            seen = waves[variables, :, group.coefficients].flatten(0, 1)  # (v·n, C)
            weighted = (seen * weights[variables].flatten()[:, None]).mT
            precision = weighted @ seen
            precision.diagonal().add_(1.0)
            covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
            part = (covariance @ weighted).float().unflatten(1, (len(variables), -1))
            gain[group.coefficients, variables] = part
            variance = self.deviations[group.coefficients].double().square()
            order = variance.argsort(descending=True)
            left, variance = (covariance.diagonal() * variance)[order], variance[order]
            unknown += [left[a:b].sum() / variance[a:b].sum() for a, b in bands]
        return gain, torch.stack(unknown).float()


def _octaves(count: int) -> list[tuple[int, int]]:
    """Ranks 0 to ``count``, cut at powers of two."""
    edges = [0, *(1 << i for i in range((count - 1).bit_length())), count]
    return list(pairwise(edges))
