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

    def placed(self, unit: np.ndarray) -> np.ndarray:
        """Linear in longitude and in the sine of latitude."""
        south, north = np.sin(np.radians([self.y.low, self.y.high]))
        east = self.x.low + (self.x.high - self.x.low) * unit[:, 0]
        return np.stack([east, np.degrees(np.arcsin((north - south) * unit[:, 1] + south))], axis=1)

    def disc(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """A cap of the sphere, uniform over all places where it is inside."""
        (west, east), (south, north) = (np.radians([a.low, a.high]) for a in (self.x, self.y))
        radius = min(north - south, (east - west) * np.cos((south + north) / 2)) / 10
        while True:
            (centre,) = self.placed(rng.random((1, 2)))
            lon, lat = np.radians(centre)
            above, below = south + radius <= lat, lat <= north - radius
            if self.x.periodic:  # then a pole is a place like any other
                inside = (above or self.y.low == -90) and (below or self.y.high == 90)
            elif inside := above and below:
                aside = np.arcsin(np.sin(radius) / np.cos(lat))  # farthest to the side
                inside = west + aside <= lon <= east - aside
            if inside:
                return centre, radius

    def within(self, radius: float, share: np.ndarray) -> np.ndarray:
        """The area of a cap grows with the square of the sine of half its radius."""
        return 2 * np.arcsin(np.sin(radius / 2) * np.sqrt(share))

    def moved(self, start: np.ndarray, distance: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """Along a great circle."""
        lon, lat = np.radians(start)
        ahead, aside = np.sin(distance) * np.cos(heading), np.sin(distance) * np.sin(heading)
        sine = np.sin(lat) * np.cos(distance) + np.cos(lat) * ahead
        turn = np.arctan2(aside, np.cos(lat) * np.cos(distance) - np.sin(lat) * ahead)
        east = self.x.low + (np.degrees(lon + turn) - self.x.low) % 360
        return np.stack([east, np.degrees(np.arcsin(sine.clip(-1, 1)))], axis=1)

    def reach(self, start: np.ndarray, heading: float) -> tuple[float, float]:
        """To a thousandth of the domain's size; once round the globe where no bound is met."""
        size = np.radians(np.hypot(self.x.high - self.x.low, self.y.high - self.y.low))
        way = np.linspace(0, min(size, np.pi), 1001)
        ends = []
        for sign in (-1, 1):
            lon, lat = self.moved(start, sign * way, heading).T
            left = (lon > self.x.high) | (lat < self.y.low) | (lat > self.y.high)
            ends.append(sign * way[left.argmax() - 1 if left.any() else -1])
        return ends[0], ends[1]

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
