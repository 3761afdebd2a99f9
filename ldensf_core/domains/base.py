"""What a domain tells: how much area a grid point stands for, and how far apart places are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ldensf_core.domains.axis import Axis


@dataclass(frozen=True, eq=False)
class Domain(ABC):
    """Where the fields of a benchmark are. Positions have shape (n, 2), given as (x, y).

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
        """Share of the domain that each grid point stands for, (ny, nx), over its mean.

        Averages over the domain, in scores and in what surrogates learn, are weighted with it.
        ``like`` has the dtype and device.
        """

    @abstractmethod
    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` independent positions, (n, 2), uniform over the area."""

    @abstractmethod
    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (n, m) between positions (n, 2) and (m, 2)."""

    @abstractmethod
    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n, 2) in a space (n, d) whose straight distances are true over short ways."""
