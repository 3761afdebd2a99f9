"""Sines and cosines on a box with walls."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.bases.base import Basis, Group


class WallBasis(Basis):
    """Products of cosines and sines, for each variable separately.

    A variable with parity ``"c"`` along an axis has zero slope at the walls (√2 cos πkξ, and 1
    for k = 0). With ``"s"`` it is zero there (√2 sin π(k+1)ξ), like a velocity normal to the wall.
    The longest waves are kept (in a square, those of smallest k² + l²), so that the resolution is
    the same in all directions.

    Args:
        parities: for each variable, the parities along y and x, such as ``"cs"``.
        rest: (V,), normalised.
        count: number of coefficients of all variables together, the same for each; at most the
            number of grid points.
    """

    def __init__(
        self, x: Axis, y: Axis, parities: tuple[str, ...], rest: Tensor, count: int
    ) -> None:
        super().__init__()
        self.axes, self.parities = (y, x), parities
        ny, nx = len(y.points), len(x.points)
        each = min(count // len(parities), ny * nx)
        self.count = each * len(parities)
        self.groups = tuple(
            Group((v,), slice(v * each, (v + 1) * each)) for v in range(len(parities))
        )
        stretch = ((y.high - y.low) / (x.high - x.low)) ** 2
        squared = torch.arange(ny)[:, None] ** 2 + stretch * torch.arange(nx) ** 2
        kept = squared.flatten().argsort(stable=True)[:each]
        k, l = kept // nx, kept % nx  # noqa: E741
        self.cutoff = int(torch.maximum(k, l).max()) + 1
        self.register_buffer("rest", rest.float(), persistent=False)
        self.register_buffer("kept", k * self.cutoff + l, persistent=False)
        for name, axis, letter in (("rows", y, 0), ("columns", x, 1)):
            points = torch.as_tensor(axis.points)
            table = torch.stack([self._waves(points, axis, p[letter]) for p in parities])
            self.register_buffer(name, table.float(), persistent=False)  # (V, cutoff, n)

    def _waves(self, points: Tensor, axis: Axis, parity: str) -> Tensor:
        """Basis functions along one axis at ``points`` (n,): shape (cutoff, n), float64."""
        xi = (points.double() - axis.low) / (axis.high - axis.low)
        k = torch.arange(self.cutoff, dtype=torch.float64, device=points.device)[:, None]
        if parity == "s":
            return math.sqrt(2) * torch.sin(math.pi * (k + 1) * xi)
        waves = math.sqrt(2) * torch.cos(math.pi * k * xi)
        waves[0] = 1.0
        return waves

    def analyse(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) → coefficients (..., K)."""
        n = fields.shape[-1] * fields.shape[-2]
        full = self.rows @ (fields - self.rest[:, None, None]) @ self.columns.mT / n
        return full.flatten(-2)[..., self.kept].flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., K) → fields (..., V, ny, nx)."""
        v = len(self.parities)
        square = coefficients.new_zeros(*coefficients.shape[:-1], v, self.cutoff**2)
        square[..., self.kept] = coefficients.unflatten(-1, (v, -1))
        square = square.unflatten(-1, (self.cutoff, self.cutoff))
        return self.rows.mT @ (square @ self.columns) + self.rest[:, None, None]

    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (V, n, K), float64."""
        values = positions.new_zeros(
            len(self.parities), len(positions), self.count, dtype=torch.float64
        )
        for group, parity in zip(self.groups, self.parities, strict=True):
            rows = self._waves(positions[:, 1], self.axes[0], parity[0])
            columns = self._waves(positions[:, 0], self.axes[1], parity[1])
            products = (rows[:, None] * columns).flatten(0, 1)[self.kept].mT
            values[group.variables[0], :, group.coefficients] = products
        return values
