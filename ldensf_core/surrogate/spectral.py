"""A decoder that gives the coefficients of a field in an orthonormal basis.

A residual network maps the latent state to low-frequency coefficients of every variable. The
training loss is taken on the coefficients (Parseval), and the basis can be evaluated at any
point, so the decoder is as mesh-free as a coordinate network and much cheaper on a grid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ldensf_core.benchmarks.base import Axis


class WallBasis(nn.Module):
    """Products of cosines and sines on a box with walls, orthonormal under the grid's mean.

    A variable with parity ``"c"`` along an axis has zero slope at the walls (√2 cos πkξ, and 1
    for k = 0); with ``"s"`` it vanishes there (√2 sin π(k+1)ξ), as a velocity does on the wall
    that it would cross. The pairs (k, l) of smallest k² + l² are kept, so that resolution is
    the same in all directions. The mean square of a field is the sum of its squared
    coefficients.

    Args:
        parities: for each variable, the parities along y and x, for instance ``"cs"``.
        rest: (V,), the value of each variable at rest; the basis describes departures from it.
        count: coefficients kept of each variable, C. Matrix units want a multiple of 8.
    """

    def __init__(
        self, x: Axis, y: Axis, parities: tuple[str, ...], rest: Tensor, count: int
    ) -> None:
        super().__init__()
        self.axes, self.parities, self.count = (y, x), parities, count
        side = 2 + math.isqrt(4 * count // 3)  # more than the radius of the quarter disc
        squared = torch.arange(side)[:, None] ** 2 + torch.arange(side) ** 2
        kept = squared.flatten().argsort(stable=True)[:count]
        k, l = kept // side, kept % side  # noqa: E741
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
        """Fields (..., V, ny, nx) → coefficients (..., V, C)."""
        n = fields.shape[-1] * fields.shape[-2]
        full = self.rows @ (fields - self.rest[:, None, None]) @ self.columns.mT / n
        return full.flatten(-2)[..., self.kept]

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., V, C) → fields (..., V, ny, nx)."""
        square = coefficients.new_zeros(*coefficients.shape[:-1], self.cutoff**2)
        square[..., self.kept] = coefficients
        square = square.unflatten(-1, (self.cutoff, self.cutoff))
        return self.rows.mT @ (square @ self.columns) + self.rest[:, None, None]

    def at(self, coefficients: Tensor, positions: Tensor) -> Tensor:
        """Coefficients (..., V, C) at ``positions`` (n, 2), given as (x, y): (..., n, V)."""
        waves = self.evaluate(positions).to(coefficients.dtype)
        return (coefficients[..., None, :] @ waves.mT)[..., 0, :].mT + self.rest

    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (V, n, C), float64."""
        values = []
        for parity in self.parities:
            rows = self._waves(positions[:, 1], self.axes[0], parity[0])
            columns = self._waves(positions[:, 0], self.axes[1], parity[1])
            values.append((rows[:, None] * columns).flatten(0, 1)[self.kept].mT)
        return torch.stack(values)


class ResidualBlock(nn.Module):
    """h + W₂ gelu(W₁ norm(h))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        return h + self.second(nn.functional.gelu(self.first(self.norm(h))))


class SpectralDecoder(nn.Module):
    """Latent state → coefficients of the normalised fields in an orthonormal basis.

    The latent state enters beside learned sines of it, since a front that crosses the domain
    makes coefficients oscillate many times along each latent direction. The last layer's width
    bounds the rank of what can be decoded, and is chosen wider than the residual stream.

    Args:
        basis: gives ``analyse``, ``synthesise`` and ``at``.
        scales: (V, C), typical size of each coefficient; the network works in these units.
        features: number of learned sines; ``frequency`` is their initial standard deviation.
    """

    def __init__(
        self,
        basis: WallBasis,
        scales: Tensor,
        n_latent: int,
        width: int = 512,
        blocks: int = 3,
        last: int = 704,
        features: int = 246,
        frequency: float = 4.0,
    ) -> None:
        super().__init__()
        self.basis = basis
        self.register_buffer("scales", scales)
        self.waves = nn.Linear(n_latent, features)
        nn.init.normal_(self.waves.weight, std=frequency)
        nn.init.uniform_(self.waves.bias, -math.pi, math.pi)
        self.first = nn.Linear(n_latent + features, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.widen = nn.Linear(width, last)
        self.last = nn.Linear(last, scales.numel())

    def forward(self, latent: Tensor) -> Tensor:
        """Latent (..., L) → coefficients (..., V, C) of the normalised fields."""
        h = self.first(torch.cat([latent, torch.sin(self.waves(latent))], dim=-1))
        h = nn.functional.gelu(self.widen(self.blocks(h)))
        return self.last(h).unflatten(-1, self.scales.shape) * self.scales

    def on_grid(self, latent: Tensor) -> Tensor:
        """Normalised fields on the grid: (..., L) → (..., V, ny, nx)."""
        return self.basis.synthesise(self(latent))

    def at(self, latent: Tensor, positions: Tensor) -> Tensor:
        """Normalised fields at ``positions`` (n, 2), (x, y): (..., L) → (..., n, V)."""
        return self.basis.at(self(latent), positions)

    def target(self, fields: Tensor) -> Tensor:
        """What the decoder is trained against: coefficients of normalised fields."""
        return self.basis.analyse(fields)

    def loss(self, latent: Tensor, target: Tensor) -> Tensor:
        """Squared coefficient error relative to the energy of the variables, a scalar."""
        return (self(latent) - target).square().sum((-1, -2)).mean() / self.scales.square().sum()
