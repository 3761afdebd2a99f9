"""The error of a surrogate: one map for each snapshot, scaled by the parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import SensorNetwork

CELLS = 16
"""Most rows of cells, if the grid can be divided like that.

Cells have equal numbers of grid points along x and y.
"""


class SurrogateError(nn.Module):
    """Standard deviation of a surrogate's error, of normalised fields.

    Each snapshot has a map: the root mean square over cells of the grid, large enough to be
    estimated from a few dozen runs; its square is interpolated linearly between their centres.
    Parameters scale the whole map: its logarithm is a quadratic function of them.

    Attributes:
        deviation: (T, V, rows, columns) of cells, zero until it is fitted.
        slopes: of the logarithm, along the unit parameters and the products of two.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        super().__init__()
        ny, nx = benchmark.grid_shape
        side = math.gcd(ny, nx)  # cells fill the grid
        coarse = (n for n in range(1, side) if side % n == 0 and ny // n <= CELLS)
        self.size = next(coarse, side)
        self.periodic = benchmark.y.periodic, benchmark.x.periodic
        shape = benchmark.n_times, len(benchmark.variables), ny // self.size, nx // self.size
        self.register_buffer("deviation", torch.zeros(shape, dtype=torch.float32))
        n = len(benchmark.parameters)
        self.register_buffer("slopes", torch.zeros(n + n * (n + 1) // 2, dtype=torch.float32))

    def in_cells(self, errors: Tensor) -> Tensor:
        """Mean squares of errors (B, V, ny, nx), of one snapshot, over the cells."""
        return nn.functional.avg_pool2d(errors.square(), self.size)

    def fit(self, squares: Tensor, parameters: Tensor) -> None:
        """Fit to several runs.

        Args:
            squares: (B, T, V, rows, columns), of ``in_cells``.
            parameters: unit parameters of the runs, (B, P).
        """
        terms = _terms(parameters)
        level = 0.5 * squares.mean((1, 2, 3, 4)).log()
        design = torch.cat([torch.ones_like(terms[:, :1]), terms], dim=1)
        self.slopes.copy_(torch.linalg.lstsq(design, level[:, None]).solution[1:, 0])
        scale = self.factor(parameters)[:, None, None, None, None]
        self.deviation.copy_((squares / scale.square()).mean(0).sqrt())

    def at(self, index: int, parameters: Tensor) -> Tensor:
        """Standard deviation (V, ny, nx) at snapshot ``index`` for unit parameters (P,)."""
        return self.on_grid(self.deviation[index], parameters)

    def at_sensors(self, sensors: SensorNetwork) -> Tensor:
        """Variance at sensors at every snapshot, without the factor of the parameters: (T, n, V).

        Multiply it by ``factor(parameters)`` squared.
        """
        points, weights = sensors.stencils(self.size)
        square = self.deviation.square().flatten(2)[..., points.to(self.deviation.device)]
        return (square * weights.to(square)).sum(-1).mT

    def factor(self, parameters: Tensor) -> Tensor:
        """Factor (...) of the standard deviation for unit parameters (..., P)."""
        return torch.exp(_terms(parameters) @ self.slopes)

    def on_grid(self, deviation: Tensor, parameters: Tensor) -> Tensor:
        """The same, from a snapshot's ``deviation`` (V, rows, columns)."""
        square = deviation.square()[None]
        for edge, periodic in zip(((0, 0, 1, 1), (1, 1, 0, 0)), self.periodic, strict=True):
            mode = "circular" if periodic else "replicate"
            square = nn.functional.pad(square, edge, mode=mode)
        n = self.size
        fine = nn.functional.interpolate(square, scale_factor=float(n), mode="bilinear")
        return fine[0, :, n:-n, n:-n].sqrt() * self.factor(parameters)


def _terms(parameters: Tensor) -> Tensor:
    """Parameters (..., P) and their pairwise products, squares included."""
    pairs = parameters[..., :, None] * parameters[..., None, :]
    row, column = torch.triu_indices(*pairs.shape[-2:], device=pairs.device)
    return torch.cat([parameters, pairs[..., row, column]], dim=-1)
