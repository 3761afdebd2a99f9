"""The published decoder: a network of latent state and position, evaluated point by point.

    y(t, x) = f_rec(s(t), γ(x)),    γ(x) = (cos 2πBξ(x), sin 2πBξ(x))

f_rec is a residual fully connected network, γ a fixed Fourier embedding (LD-EnSF, Xiao, Si and
Chen, arXiv 2411.19305; Tancik et al. 2020, NeurIPS 33) with a random Gaussian B. ξ(x) maps a
position to a Euclidean space without seams, so the fields have none: an axis between walls is
unchanged, a periodic axis becomes a circle, the globe a sphere.

Every point of every member is one pass through the network, which makes this decoder expensive. It
is here for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.domains import Axis, Globe
from ldensf_core.surrogate.decoder import Decoder

POINTS = 256
"""Grid points of each snapshot in the loss."""
ENTRIES = 16
"""Entries for each grid point in the table that random grid points are drawn from."""
ROWS = 2**16
"""Points of all members that go through the network at once."""
MEMBERS = 256
"""Members that go through it at once."""


def in_box(positions: Tensor, x: Axis, y: Axis) -> Tensor:
    """ξ of ``positions`` (n, 2): one coordinate for an axis between walls, two for a periodic one.

    In units of the length of each axis: a circle has circumference one.
    """
    columns = []
    for axis, values in zip((x, y), positions.unbind(-1), strict=True):
        share = (values - axis.low) / (axis.high - axis.low)
        if axis.periodic:
            angle = 2 * math.pi * share
            columns += [angle.cos() / (2 * math.pi), angle.sin() / (2 * math.pi)]
        else:
            columns.append(share)
    return torch.stack(columns, dim=-1)


def on_sphere(positions: Tensor, x: Axis, y: Axis) -> Tensor:
    """ξ of longitudes and latitudes (n, 2) in degrees: Cartesian, (n, 3), the equator of length 1.

    The axes are arguments of every embedding, and unused here.
    """
    longitude, latitude = torch.deg2rad(positions).unbind(-1)
    east, north = latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin()
    return torch.stack([east, north, latitude.sin()], dim=-1) / (2 * math.pi)


class ResidualLayer(nn.Module):
    """h + gelu(W h)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, dtype=torch.float32)

    def forward(self, h: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        return h + nn.functional.gelu(self.linear(h))


@dataclass(frozen=True)
class CoordinateSizes:
    """Sizes of a coordinate decoder.

    Attributes:
        width, layers: width and number of hidden layers.
        features: F, rows of B; the embedding has a cosine and a sine of each.
        frequency: standard deviation of the entries of B, in waves along an axis or round the
            equator.
    """

    width: PositiveInt
    layers: PositiveInt
    features: PositiveInt
    frequency: PositiveFloat


class CoordinateDecoder(Decoder):
    """Latent state and position → normalised fields there."""

    name = "coordinates"
    title = "Coordinates (published)"
    sentence = (
        "A residual network of the latent state and a position gives the fields at that position."
    )
    Sizes = CoordinateSizes

    def __init__(self, benchmark: Benchmark, n_latent: int, sizes: CoordinateSizes) -> None:
        super().__init__(benchmark)
        width, features = sizes.width, sizes.features
        self.axes = benchmark.x, benchmark.y
        self.embedding = on_sphere if isinstance(benchmark.domain, Globe) else in_box
        self.variables, self.shape = len(benchmark.variables), benchmark.grid_shape
        y, x = (torch.as_tensor(axis.points).double() for axis in (benchmark.y, benchmark.x))
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        grid = self.embedding(torch.stack([columns, rows], dim=-1).flatten(0, 1), *self.axes)
        self.register_buffer("grid", grid.float(), persistent=False)  # (ny*nx, D)
        cells = _table(benchmark.domain.areas(grid).flatten())
        self.register_buffer("cells", cells, persistent=False)
        waves = torch.randn(features, grid.shape[-1], dtype=torch.float32)
        self.register_buffer("waves", sizes.frequency * waves)  # B
        self.register_buffer("energy", torch.tensor(self.variables, dtype=torch.float32))
        self.first = nn.Linear(n_latent + 2 * features, width, dtype=torch.float32)
        self.blocks = nn.Sequential(*(ResidualLayer(width) for _ in range(sizes.layers - 1)))
        self.last = nn.Linear(width, self.variables, dtype=torch.float32)

    def forward(self, latent: Tensor, places: Tensor) -> Tensor:
        """Normalised fields, all at once: latent (..., L), ξ (..., n, D) → (..., n, V)."""
        # A sum of products: a matrix product in TF32 would be too inexact for the phase.
        phase = 2 * math.pi * (places[..., None, :] * self.waves).sum(-1)
        shape = (*latent.shape[:-1], places.shape[-2], -1)
        inputs = [latent[..., None, :], phase.cos(), phase.sin()]
        h = self.first(torch.cat([part.expand(shape) for part in inputs], dim=-1))
        return self.last(self.blocks(nn.functional.gelu(h)))

    def on_grid(self, latent: Tensor) -> Tensor:
        """Normalised fields on the grid: (..., L) → (..., V, ny, nx)."""
        return self._in_parts(latent, self.grid).mT.unflatten(-1, self.shape)

    def moments(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (unbiased) of the fields of an ensemble.

        Latent (M, L) → normalised fields (V, ny, nx), each; one member has no spread.
        """
        correction = min(1, len(latent) - 1)
        parts = [
            torch.stack(
                torch.std_mean(self._in_parts(latent, places), dim=0, correction=correction)
            )
            for places in self.grid.split(max(1, ROWS // len(latent)))
        ]
        spread, mean = torch.cat(parts, dim=1).mT.unflatten(-1, self.shape)
        return mean, spread

    def recordable(self, members: int) -> bool:
        """Only members that go through the network at once: more would need too many launches."""
        return members <= MEMBERS

    def probe(self, positions: Tensor) -> Callable[[Tensor], Tensor]:
        """``at`` for fixed ``positions`` (n, 2): (..., L) → (..., n, V)."""
        places = self.embedding(positions.double(), *self.axes).to(self.grid)
        return lambda latent: self._in_parts(latent, places)

    def _in_parts(self, latent: Tensor, places: Tensor) -> Tensor:
        """``forward`` for ξ (n, D), a bounded number of points at a time: (..., n, V)."""
        members = latent.reshape(-1, latent.shape[-1])
        fields = torch.cat(
            [
                torch.cat([self(some, part) for part in places.split(ROWS // len(some))], dim=1)
                for some in members.split(MEMBERS)
            ]
        )
        return fields.reshape(*latent.shape[:-1], len(places), self.variables)

    def target(self, fields: Tensor) -> Tensor:
        """Fields as training targets: (..., V, ny*nx), in half precision."""
        return fields.flatten(-2).half()

    def loss(self, latent: Tensor, target: Tensor) -> Tensor:
        """Squared error relative to the energy of the fields, (...).

        Estimated at random grid points for each snapshot, uniform over the area.
        """
        shape = (*latent.shape[:-1], POINTS)
        cells = self.cells[torch.randint(len(self.cells), shape, device=latent.device)]
        index = cells[..., None, :].expand(*shape[:-1], self.variables, POINTS)
        truth = target.gather(-1, index).mT.to(latent)
        error = self(latent, self.grid[cells]) - truth
        return error.square().sum(-1).mean(-1) / self.energy

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights of the residual layers."""
        return [layer.linear.weight for layer in self.blocks]

    def scale_to(self, target: Tensor) -> None:
        """Scale errors by the mean square of ``target`` (B, T, V, ny*nx) over the area."""
        energies = [
            (self.area.flatten() * run.float().square()).mean((0, 2)).sum() for run in target
        ]
        self.energy.copy_(torch.stack(energies).mean())


def _table(area: Tensor) -> Tensor:
    """Table of grid points, each as often as its share of the area: the inverse of summed areas."""
    sums = area.double().cumsum(0)
    n = ENTRIES * len(area)
    return torch.searchsorted(sums, (torch.arange(n, dtype=sums.dtype) + 0.5) / n * sums[-1])
