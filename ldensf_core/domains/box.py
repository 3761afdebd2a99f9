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

    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """Uniform along each axis."""
        low, high = np.array([self.x.low, self.y.low]), np.array([self.x.high, self.y.high])
        return low + np.random.default_rng(seed).random((n, 2)) * (high - low)

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
