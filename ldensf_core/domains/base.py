"""The interface of domains: areas of grid points, distances, places for sensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ldensf_core.domains.axis import Axis


@dataclass(frozen=True, eq=False)
class Domain(ABC):
    """The domain of a benchmark's fields. Positions have shape (n, 2), (x, y).

    Attributes:
        x, y: the axes of the grid; fields have shape (..., len(y.points), len(x.points)).
    """

    x: Axis
    y: Axis

    @property
    def grid_shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return len(self.y.points), len(self.x.points)

    @abstractmethod
    def areas(self, like: Tensor) -> Tensor:
        """Area of each grid point relative to the mean, (ny, nx).

        Weights of all averages over the domain, in scores and in training. ``like`` has the dtype
        and device.
        """

    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` independent positions, (n, 2), uniform over the area."""
        return self.placed(np.random.default_rng(seed).random((n, 2)))

    def half_positions(self, n: int, seed: int) -> np.ndarray:
        """The same in one half of the area: west, east, south or north, as the seed says."""
        rng = np.random.default_rng(seed)
        axis, upper = rng.integers(2, size=2)
        unit = rng.random((n, 2))
        unit[:, axis] = (unit[:, axis] + upper) / 2
        return self.placed(unit)

    def line_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` positions along a line, each in the middle of an equal share of it, (n, 2).

        The line goes in a random direction through a random place in the middle half of both axes,
        where no line cuts off a corner only.
        """
        rng = np.random.default_rng(seed)
        (start,) = self.placed(0.25 + 0.5 * rng.random((1, 2)))
        heading = 2 * np.pi * rng.random()
        back, ahead = self.reach(start, heading)
        return self.moved(start, back + (np.arange(n) + 0.5) / n * (ahead - back), heading)

    def cluster_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` independent positions, uniform in a random disc inside the domain, (n, 2)."""
        rng = np.random.default_rng(seed)
        centre, radius = self.disc(rng)
        share, heading = rng.random((2, n))
        return self.moved(centre, self.within(radius, share), 2 * np.pi * heading)

    @abstractmethod
    def placed(self, unit: np.ndarray) -> np.ndarray:
        """Map a unit square to the domain, (n, 2) each: equal areas to equal areas."""

    @abstractmethod
    def disc(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """Centre (2,) and radius of a random disc inside the domain.

        Its diameter is a fifth of the domain's shorter side. The radius is a distance as in
        ``moved``.
        """

    @abstractmethod
    def within(self, radius: float, share: np.ndarray) -> np.ndarray:
        """Radii (n,) of the discs that have ``share`` (n,) of the area of one with ``radius``."""

    @abstractmethod
    def moved(self, start: np.ndarray, distance: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """Positions (n, 2) at distances (n,) straight ahead of ``start`` (2,).

        Args:
            distance: negative behind; in the units of the axes, on the globe in rad.
            heading: (n,) or one for all, in rad from north (y) to east (x).
        """

    @abstractmethod
    def reach(self, start: np.ndarray, heading: float) -> tuple[float, float]:
        """Distances, the first negative, at which the line through ``start`` (2,) leaves."""

    @abstractmethod
    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (n, m) between positions (n, 2) and (m, 2)."""

    @abstractmethod
    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n, 2) in a space (n, d) where straight distances are right for near points."""
