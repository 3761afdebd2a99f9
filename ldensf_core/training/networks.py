"""A bank of sensor networks to train encoders on.

Numbers of sensors, layouts and noise levels are drawn at random; the interpolation's gain of
each is computed once and used for many batches, then replaced.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ldensf_core.encoders.interpolation import OptimalInterpolation
from ldensf_core.observations import SensorNetwork

SENSORS = (16, 256)
"""Range of the number of sensors in training. More sensors only average the noise further."""
NOISE = 0.5
"""Largest noise in training, as a fraction of each variable's standard deviation."""


class NetworkBank:
    """``size`` sensor networks with a noise level each, padded to the largest number of sensors.

    Attributes:
        points, weights: bilinear stencils, (size, n, 4); padding has weight zero.
        gain: (size, V, C, n); padding has gain zero. ``unknown``: (size, V).
        noise: (size,), fraction of each variable's standard deviation.
    """

    def __init__(
        self, interpolation: OptimalInterpolation, benchmark, size: int, seed: int
    ) -> None:
        self.interpolation, self.benchmark = interpolation, benchmark
        self.rng = np.random.default_rng(seed)
        v, c = interpolation.deviations.shape
        n = SENSORS[1]
        like = interpolation.deviations
        self.points = torch.zeros(size, n, 4, dtype=torch.int64, device=like.device)
        self.weights = like.new_zeros(size, n, 4)
        self.gain = like.new_zeros(size, v, c, n)
        self.unknown = like.new_zeros(size, v)
        self.noise = like.new_zeros(size)
        for entry in range(size):
            self.replace(entry)

    def replace(self, entry: int) -> None:
        """Draw a new network for one place in the bank."""
        if self.rng.random() < 0.4:
            side = self.rng.integers(math.isqrt(SENSORS[0]), math.isqrt(SENSORS[1]) + 1)
            network = SensorNetwork.grid(self.benchmark, side, side)
        else:
            n = round(math.exp(self.rng.uniform(math.log(SENSORS[0]), math.log(SENSORS[1]))))
            network = SensorNetwork.random(self.benchmark, n, seed=int(self.rng.integers(2**63)))
        n = len(network)
        like = self.gain
        # Half of the levels near the low end, where precision pays; zero included.
        level = NOISE * self.rng.random() ** 2 * (self.rng.random() > 0.05)
        noise = like.new_full((like.shape[1],), level)
        positions = torch.as_tensor(network.positions, device=like.device)
        present = torch.ones(n, like.shape[1], dtype=torch.bool, device=like.device)
        gain, unknown = self.interpolation.gain(positions, present, noise)
        points, weights = network.stencils()
        self.points[entry, :n] = points.to(like.device)
        self.weights[entry, :n], self.weights[entry, n:] = weights.to(like), 0.0
        self.gain[entry, ..., :n], self.gain[entry, ..., n:] = gain, 0.0
        self.unknown[entry], self.noise[entry] = unknown, level

    def coefficients(self, fields: Tensor, entry: Tensor) -> tuple[Tensor, Tensor]:
        """Measure normalised ``fields`` (B, T, V, ny*nx) with networks ``entry`` (B,).

        Returns:
            interpolated coefficients (B, T, V, C), from values with fresh noise, and the
            unknown share (B, T, V).
        """
        b, t, v, _ = fields.shape
        points, weights = self.points[entry], self.weights[entry]  # (B, n, 4)
        n = points.shape[1]
        index = points.view(b, 1, 1, 4 * n).expand(b, t, v, 4 * n)
        cells = fields.gather(-1, index).float().view(b, t, v, n, 4)
        values = (cells * weights[:, None, None]).sum(-1)
        values = values - self.interpolation.basis.rest[:, None]
        values = values + self.noise[entry][:, None, None, None] * torch.randn_like(values)
        coefficients = torch.einsum("bvcn,btvn->btvc", self.gain[entry], values)
        return coefficients, self.unknown[entry][:, None].expand(b, t, v)
