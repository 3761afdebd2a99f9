"""The Earth, or a part of it between two meridians and two parallels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ldensf_core.domains.base import Domain

RADIUS = 6.37122e6
"""Radius of the Earth, in m."""


class Globe(Domain):
    """Longitudes (x) and latitudes (y) in degrees, evenly spaced. Distances are in km."""

    def areas(self, like: Tensor) -> Tensor:
        """The cosine of latitude relative to its mean, (ny, nx)."""
        cosine = torch.cos(torch.deg2rad(torch.as_tensor(self.y.points)))
        return (cosine / cosine.mean())[:, None].expand(self.grid_shape).to(like)

    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """Uniform over the area of the sphere: longitude and sine of latitude are uniform."""
        unit = np.random.default_rng(seed).random((n, 2))
        south, north = np.sin(np.radians([self.y.low, self.y.high]))
        east = self.x.low + (self.x.high - self.x.low) * unit[:, 0]
        return np.stack([east, np.degrees(np.arcsin((north - south) * unit[:, 1] + south))], axis=1)

    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Great-circle distances in km, by the haversine formula, accurate at any length."""
        (east_a, north_a), (east_b, north_b) = (torch.deg2rad(p).unbind(dim=1) for p in (a, b))
        chord = torch.sin((north_a[:, None] - north_b) / 2) ** 2
        across = torch.sin((east_a[:, None] - east_b) / 2) ** 2
        chord += torch.cos(north_a)[:, None] * torch.cos(north_b) * across
        return 2 * (RADIUS / 1e3) * torch.asin(chord.clamp(max=1.0).sqrt())

    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """Points on the sphere in three dimensions, (n, 3), in km."""
        east, north = np.radians(positions).T
        x, y, z = np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)
        return (RADIUS / 1e3) * np.stack([x, y, z], axis=1)
