"""A bank of sensor networks to train encoders on.

Numbers of sensors, layouts and noise levels are random. The interpolation's gain of each network is
computed once and used for many batches; then the network is replaced.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.interpolation import OptimalInterpolation
from ldensf_core.observations import SensorNetwork


class NetworkBank:
    """``size`` sensor networks, each with a noise level, padded to the largest number of sensors.

    Args:
        sensors: least and largest number of sensors; more would only average the noise further.
        most_noise: largest noise, as a fraction of each variable's standard deviation.

    Attributes:
        points, weights: bilinear stencils, (size, n, 4); padding has weight zero.
        gain: (size, K, V, n); padding has gain zero. ``unknown``: (size, S).
        noise: (size,), fraction of each variable's standard deviation.
    """

    def __init__(
        self,
        interpolation: OptimalInterpolation,
        benchmark: Benchmark,
        size: int,
        sensors: tuple[int, int],
        most_noise: float,
        seed: int,
    ) -> None:
        self.interpolation, self.benchmark = interpolation, benchmark
        self.sensors, self.most_noise = sensors, most_noise
        self.rng = np.random.default_rng(seed)
        v, k, n = len(interpolation.residual), interpolation.basis.count, sensors[1]
        like = interpolation.deviations
        self.points = torch.zeros(size, n, 4, dtype=torch.int64, device=like.device)
        self.weights = like.new_zeros(size, n, 4)
        self.gain = like.new_zeros(size, k, v, n)
        self.unknown = like.new_zeros(size, interpolation.count)
        self.noise = like.new_zeros(size)
        for entry in range(size):
            self.replace(entry)

    def replace(self, entry: int) -> None:
        """Draw a new network for one entry of the bank."""
        least, most = self.sensors
        if self.rng.random() < 0.4:
            x, y = self.benchmark.x, self.benchmark.y
            aspect = (x.high - x.low) / (y.high - y.low)
            longer = min(round(max(aspect, 1 / aspect)), least)
            fewest = math.isqrt((least - 1) // longer) + 1  # longer · short² sensors in all
            short = self.rng.integers(fewest, math.isqrt(most // longer) + 1)
            shape = (longer * short, short) if aspect >= 1 else (short, longer * short)
            network = SensorNetwork.grid(self.benchmark, *shape)
        else:
            n = round(math.exp(self.rng.uniform(math.log(least), math.log(most))))
            network = SensorNetwork.random(self.benchmark, n, seed=int(self.rng.integers(2**63)))
        n = len(network)
        like = self.gain
        # Half of the levels are near the low end, where precision matters; zero included.
        level = self.most_noise * self.rng.random() ** 2 * (self.rng.random() > 0.05)
        noise = like.new_full((like.shape[2],), level)
        positions = torch.as_tensor(network.positions, device=like.device)
        present = torch.ones(n, like.shape[2], dtype=torch.bool, device=like.device)
        gain, unknown = self.interpolation.gain(positions, present, noise)
        points, weights = network.stencils()
        self.points[entry, :n] = points.to(like.device)
        self.weights[entry, :n], self.weights[entry, n:] = weights.to(like), 0.0
        self.gain[entry, ..., :n], self.gain[entry, ..., n:] = gain, 0.0
        self.unknown[entry], self.noise[entry] = unknown, level

    def coefficients(self, fields: Tensor, entry: Tensor) -> tuple[Tensor, Tensor]:
        """Measure normalised ``fields`` (B, T, V, ny*nx) with networks ``entry`` (B,).

        Returns:
            coefficients (B, T, K), interpolated from values with fresh noise, and unknown shares
            (B, T, S).
        """
        b, t, v, _ = fields.shape
        points, weights = self.points[entry], self.weights[entry]  # (B, n, 4)
        n = points.shape[1]
        index = points.view(b, 1, 1, 4 * n).expand(b, t, v, 4 * n)
        cells = fields.gather(-1, index).float().view(b, t, v, n, 4)
        values = (cells * weights[:, None, None]).sum(-1)
        values = values - self.interpolation.basis.rest[:, None]
        values = values + self.noise[entry][:, None, None, None] * torch.randn_like(values)
        coefficients = torch.einsum("bkvn,btvn->btk", self.gain[entry], values)
        return coefficients, self.unknown[entry][:, None].expand(b, t, -1)
