"""The interface of domains: areas of grid points, distances, random positions."""

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

    @abstractmethod
    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` independent positions, (n, 2), uniform over the area."""

    @abstractmethod
    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (n, m) between positions (n, 2) and (m, 2)."""

    @abstractmethod
    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n, 2) in a space (n, d) where straight distances are right for near points."""
