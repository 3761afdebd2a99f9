"""Sensor networks: positions, and interpolation of fields to them.

Values between grid points are interpolated bilinearly, on a periodic axis also across the seam.
On other axes, sensors beyond the outermost grid points take the value of the nearest point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.checks import is_whole
from ldensf_core.domains import Axis
from ldensf_core.observations.observation import Observation

LAYOUTS = ("grid", "random", "cluster", "line", "half")
"""Layouts that ``SensorNetwork.place`` takes, each a method of that name."""


@dataclass(frozen=True, eq=False)
class SensorNetwork:
    """Sensors at fixed positions; each measures every variable. Compares by value.

    Attributes:
        benchmark: its domain holds the sensors.
        positions: (n, 2), (x, y) in the benchmark's coordinates.
        layout: one of ``LAYOUTS``, or ``at``.
    """

    benchmark: Benchmark
    positions: np.ndarray
    layout: str

    def __post_init__(self) -> None:
        # Copies, so that changes to the caller's array have no effect; + 0.0 turns −0 into 0.
        object.__setattr__(self, "positions", np.array(self.positions, dtype=float) + 0.0)

    @cached_property
    def places(self) -> Tensor:
        """The positions as a tensor, (n, 2)."""
        return torch.as_tensor(self.positions, dtype=torch.float32)

    @property
    def _value(self) -> tuple:
        return self.benchmark, self.layout, self.positions.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SensorNetwork) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def grid(cls, benchmark: Benchmark, nx: int, ny: int) -> SensorNetwork:
        """``nx`` × ``ny`` sensors, evenly spaced, each at the centre of an equal cell."""
        _check_domain(benchmark)
        if not is_whole(nx, 1) or not is_whole(ny, 1):
            raise ValueError(
                f"a grid of {nx!r} × {ny!r} sensors: whole numbers of at least 1 × 1 are needed"
            )
        x = benchmark.x.low + (np.arange(nx) + 0.5) / nx * (benchmark.x.high - benchmark.x.low)
        y = benchmark.y.low + (np.arange(ny) + 0.5) / ny * (benchmark.y.high - benchmark.y.low)
        positions = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        return cls(benchmark, positions, "grid")

    @classmethod
    def random(cls, benchmark: Benchmark, n: int, seed: int = 0) -> SensorNetwork:
        """``n`` independent random sensors, uniform over the area."""
        _check_drawn(benchmark, n, seed)
        return cls(benchmark, benchmark.domain.random_positions(n, seed), "random")

    @classmethod
    def cluster(cls, benchmark: Benchmark, n: int, seed: int = 0) -> SensorNetwork:
        """``n`` independent random sensors in one disc, like the buoys of one bay.

        The disc lies at a random place inside the domain; its diameter is a fifth of the domain's
        shorter side. On the globe it is a cap: 36° across on the whole one.
        """
        _check_drawn(benchmark, n, seed)
        return cls(benchmark, benchmark.domain.cluster_positions(n, seed), "cluster")

    @classmethod
    def line(cls, benchmark: Benchmark, n: int, seed: int = 0) -> SensorNetwork:
        """``n`` evenly spaced sensors on a straight line from bound to bound, like a ship's track.

        Its place and direction are random. On the globe it is a great circle; on the whole one it
        goes once round.
        """
        _check_drawn(benchmark, n, seed)
        return cls(benchmark, benchmark.domain.line_positions(n, seed), "line")

    @classmethod
    def half(cls, benchmark: Benchmark, n: int, seed: int = 0) -> SensorNetwork:
        """``n`` independent random sensors, uniform over one half of the area.

        Which half, the west, east, south or north, is random.
        """
        _check_drawn(benchmark, n, seed)
        return cls(benchmark, benchmark.domain.half_positions(n, seed), "half")

    @classmethod
    def at(cls, benchmark: Benchmark, positions) -> SensorNetwork:
        """Sensors at given ``positions`` (n, 2), (x, y).

        Longitudes may be given from −180 or up to 360. They are stored between the axis's bounds;
        the upper bound of a periodic axis is stored as its lower one (``Axis.within``).

        Raises:
            ValueError: if there are no positions, or one is not finite or outside the domain.
        """
        _check_domain(benchmark)
        try:
            positions = np.asarray(positions, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(
                f"positions {positions!r}: numbers (x, y), of shape (n, 2), are needed"
            ) from None
        if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions):
            raise ValueError(f"positions have shape {positions.shape}; (n, 2) with n ≥ 1 is needed")
        columns = [
            axis.within(positions[:, i]) for i, axis in enumerate((benchmark.x, benchmark.y))
        ]
        return cls(benchmark, np.stack(columns, axis=1), "at")

    @classmethod
    def place(
        cls, benchmark: Benchmark, n: int | None, layout: str, seed: int = 0
    ) -> SensorNetwork:
        """``n`` sensors in one of ``LAYOUTS``; a ``grid`` has about the domain's aspect ratio.

        Args:
            n: by default the benchmark's default number, on its default grid.
            seed: of all layouts but the grid.

        Raises:
            ValueError: if the layout is unknown, or ``n`` sensors fill no such grid.
        """
        _check_domain(benchmark)
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r} is unknown; there are {', '.join(LAYOUTS)}")
        if n is None and layout == "grid":
            return cls.grid(benchmark, *benchmark.sensor_grid)
        if n is None:
            n = math.prod(benchmark.sensor_grid)
        if layout != "grid":
            return getattr(cls, layout)(benchmark, n, seed)
        _check_number(n)
        aspect = (benchmark.x.high - benchmark.x.low) / (benchmark.y.high - benchmark.y.low)
        fits = []
        for ny in range(1, n + 2):
            fewest, most = math.ceil(aspect * ny / 1.5), math.floor(aspect * ny * 1.5)
            near = min(n // ny, most), max(n // ny + 1, fewest)  # at most n, and more than n
            fits += [(nx, ny) for nx in near if fewest <= nx <= most]
        filled = [(nx, ny) for nx, ny in fits if nx * ny == n]
        if not filled:
            counts = [nx * ny for nx, ny in fits]
            below = max((count for count in counts if count < n), default=None)
            above = min(count for count in counts if count > n)
            advice = above if below is None else f"{below} or {above}"
            raise ValueError(
                f"{n} sensors fill no grid of about the domain's proportions: "
                f"take {advice}, or the layout 'random'"
            )
        return cls.grid(
            benchmark, *min(filled, key=lambda shape: abs(shape[0] - aspect * shape[1]))
        )

    def __len__(self) -> int:
        return len(self.positions)

    def values(self, fields: Tensor) -> Tensor:
        """Noise-free measurements of fields (..., V, ny, nx): (..., n, V)."""
        points, weights = self.stencils()
        cells = fields.flatten(-2)[..., points.to(fields.device)]  # (..., V, n, 4)
        return (cells * weights.to(cells)).sum(-1).mT

    def stencils(self, size: int = 1) -> tuple[Tensor, Tensor]:
        """Bilinear interpolation: flat grid indices and weights of four cells, each (n, 4).

        Args:
            size: points of the benchmark's grid along each side of a cell.
        """
        axes = self.benchmark.x.coarser(size), self.benchmark.y.coarser(size)
        (left, right, a), (low, high, b) = (
            _neighbours(axis, self.positions[:, i]) for i, axis in enumerate(axes)
        )
        nx = len(axes[0].points)
        points = np.stack(
            [low * nx + left, low * nx + right, high * nx + left, high * nx + right], axis=-1
        )
        weights = np.stack([(1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a], axis=-1)
        return torch.as_tensor(points), torch.as_tensor(weights)

    def observe(
        self,
        fields: Tensor,
        index: int,
        noise: float | Sequence[float],
        missing: float,
        seed: int,
        variables: Sequence[str] | None = None,
    ) -> Observation:
        """Measure ``fields`` (V, ny, nx) at snapshot ``index`` with additive Gaussian noise.

        Args:
            noise: as a fraction of each variable's standard deviation, one for all or by variable.
            missing: probability that a sensor reports nothing at this time.
            seed: of the noise; noise is independent between indices.
            variables: names of the measured variables; by default all.
        """
        rng = np.random.default_rng([seed, index])
        n, of_field = len(self), self.benchmark.variables
        draws = torch.as_tensor(rng.standard_normal((n, len(of_field)))).to(fields)
        lost = torch.as_tensor(rng.random(n) < missing, device=fields.device)
        std = torch.as_tensor(noise, dtype=fields.dtype, device=fields.device)
        std = std * self.benchmark.std(fields)
        values = self.values(fields) + std * draws
        values[lost] = torch.nan
        if variables is not None:
            values[:, [v.name not in variables for v in of_field]] = torch.nan
        return Observation(index, self, values, std)


def _check_domain(benchmark: object) -> None:
    if not isinstance(benchmark, Benchmark):
        raise ValueError(f"benchmark {benchmark!r}: a Benchmark is needed, see get_benchmark")


def _check_drawn(benchmark: object, n: object, seed: object) -> None:
    _check_domain(benchmark)
    _check_number(n)
    if not is_whole(seed, 0):
        raise ValueError(f"seed = {seed!r}: a whole number of at least 0 is needed")


def _check_number(n: object) -> None:
    if not is_whole(n, 1):
        raise ValueError(f"n = {n!r} sensors: at least 1, a whole number, is needed")


def _neighbours(axis: Axis, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the points before and after each x, and the weight of the one after."""
    n = len(axis.points)
    if axis.periodic:
        spacing = (axis.high - axis.low) / n
        place = (x - axis.points[0]) / spacing
        before = np.floor(place).astype(int)
        return before % n, (before + 1) % n, place - before
    place = np.interp(x, axis.points, np.arange(n))
    before = np.clip(place.astype(int), 0, max(n - 2, 0))
    return before, np.minimum(before + 1, n - 1), place - before
