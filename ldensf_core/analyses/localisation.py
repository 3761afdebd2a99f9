"""Localisation: weight of an observation by distance, and the lattice of the analyses.

Neighbouring points share most of their observations, so their analyses differ little. Analyses
are therefore made on a coarser lattice. The members' weights are interpolated to the grid, not
the fields (Yang, Kalnay, Hunt and Bowler 2009, Quarterly Journal of the Royal Meteorological
Society 135): this keeps the members' small scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.domains import Axis


def gaspari_cohn(distance: Tensor, radius: float) -> Tensor:
    """Weight of an observation: 1 at distance 0, falling smoothly to 0 at 2 ``radius``.

    The fifth-order correlation function of Gaspari and Cohn (1999, Quarterly Journal of the
    Royal Meteorological Society 125, equation 4.10), 5/24 at ``radius``. A Gaussian of standard
    deviation √0.3 ``radius`` has the same curvature at 0.

    Args:
        distance: of any shape. ``radius``: in the same units; with ``inf`` all weights are 1.

    Raises:
        ValueError: if the radius is not positive.
    """
    if not radius > 0:
        raise ValueError(f"radius = {radius}: more than 0 is needed")
    r = distance / radius
    near = 1 + r**2 * (-5 / 3 + r * (5 / 8 + r * (1 / 2 - r / 4)))
    far = 4 - 5 * r + r**2 * (5 / 3 + r * (5 / 8 + r * (-1 / 2 + r / 12)))
    far = (far - 2 / (3 * r.clamp(min=1.0))).clamp(min=0.0)  # rounding would give less than 0
    return torch.where(r <= 1, near, torch.where(r < 2, far, 0.0))


class Lattice:
    """A coarse lattice of grid points, and bilinear interpolation from it to the grid.

    Args:
        spacing: approximate distance of its points at the middle of the domain, in the
            benchmark's units of length; 0: all points of the grid.
        like: has the dtype and device of the interpolated values.

    Attributes:
        shape: (ly, lx), numbers of its rows and columns.
        positions: (ly lx, 2), (x, y), row by row; double precision, on the CPU.
    """

    def __init__(self, benchmark: Benchmark, spacing: float, like: Tensor) -> None:
        x, y = benchmark.x.points, benchmark.y.points
        middle = len(x) // 2, len(y) // 2
        here, east, north = (
            torch.as_tensor(np.array([[x[middle[0] + i], y[middle[1] + j]]]))
            for i, j in ((0, 0), (1, 0), (0, 1))
        )
        steps = [float(benchmark.domain.distances(here, there)) for there in (east, north)]
        (columns, x), (rows, y) = (
            _knots(axis, spacing / step)
            for axis, step in zip((benchmark.x, benchmark.y), steps, strict=True)
        )
        self.shape = len(rows), len(columns)
        grid = np.meshgrid(benchmark.x.points[columns], benchmark.y.points[rows])
        self.positions = torch.as_tensor(np.stack(grid, axis=-1).reshape(-1, 2))
        self._x, self._y = torch.as_tensor(x).to(like), torch.as_tensor(y).to(like)

    def interpolated(self, values: Tensor, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Interpolate values (..., ly, lx) to the grid; yield bands (rows, (..., rows, nx))."""
        along_x = values @ self._x.mT
        for start in range(0, len(self._y), rows):
            band = slice(start, start + rows)
            yield band, self._y[band] @ along_x


def _knots(axis: Axis, stride: float) -> tuple[np.ndarray, np.ndarray]:
    """Grid points about ``stride`` apart, (l,), and the weights that interpolate from them, (n, l).

    Knots are as evenly spaced as possible. On an axis without a seam they include the outermost
    grid points.
    """
    n = len(axis.points)
    cells = n if axis.periodic else n - 1
    count = math.ceil(cells / max(1.0, min(stride, cells)))
    knots = np.round(np.linspace(0, cells, count + 1)).astype(int)
    wanted = np.arange(n)
    weights = np.stack([np.interp(wanted, knots, unit) for unit in np.eye(count + 1)], axis=1)
    if not axis.periodic:
        return knots, weights
    weights[:, 0] += weights[:, -1]  # the last knot is the first one again
    return knots[:-1], weights[:, :-1]
