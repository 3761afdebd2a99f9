"""A rectangle, between walls or periodic along either axis."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ldensf_core.domains.base import Domain


class Box(Domain):
    """A rectangle with an even grid. Distances are in the units of its axes."""

    def areas(self, like: Tensor) -> Tensor:
        """One everywhere, (ny, nx)."""
        return like.new_ones(self.grid_shape)

    @property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high bounds, (2,) each. For sensors they are walls, even on periodic axes."""
        return np.array([self.x.low, self.y.low]), np.array([self.x.high, self.y.high])

    def placed(self, unit: np.ndarray) -> np.ndarray:
        """Linear along each axis."""
        low, high = self._bounds
        return low + unit * (high - low)

    def disc(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """Uniform over all places where it is inside."""
        low, high = self._bounds
        radius = (high - low).min() / 10
        return low + radius + rng.random(2) * (high - low - 2 * radius), radius

    def within(self, radius: float, share: np.ndarray) -> np.ndarray:
        """The area grows with the square of the radius."""
        return radius * np.sqrt(share)

    def moved(self, start: np.ndarray, distance: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """Along a straight line, never across a seam."""
        return start + np.stack([distance * np.sin(heading), distance * np.cos(heading)], axis=1)

    def reach(self, start: np.ndarray, heading: float) -> tuple[float, float]:
        """To the bounds that the line meets first."""
        direction = np.array([np.sin(heading), np.cos(heading)])
        with np.errstate(divide="ignore"):  # a line along one axis never meets the other's bounds
            ways = np.sort([(bound - start) / direction for bound in self._bounds], axis=0)
        return ways[0].max(), ways[1].min()

    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Straight distances; on a periodic axis the shorter way round."""
        apart = (a[:, None] - b).abs()
        width = apart.new_tensor([axis.high - axis.low for axis in (self.x, self.y)])
        periodic = torch.tensor([self.x.periodic, self.y.periodic], device=apart.device)
        return torch.where(periodic, torch.minimum(apart, width - apart), apart).norm(dim=-1)

    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """A periodic axis becomes a circle, others stay as they are: (n, 2 to 4)."""
        places = []
        for axis, place in zip((self.x, self.y), positions.T, strict=True):
            if axis.periodic:
                radius = (axis.high - axis.low) / (2 * np.pi)
                places += [radius * np.cos(place / radius), radius * np.sin(place / radius)]
            else:
                places.append(place)
        return np.stack(places, axis=1)
