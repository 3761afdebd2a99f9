"""A bank of sensor networks to train encoders on.

Numbers of sensors, layouts and noise levels are random. The interpolation's gain of each network is
computed once and used for many batches; then the network is replaced. A ``varied`` bank has what a
user may come to: one sensor or a cluster of them, one variable alone, gaps, variables measured
better than others.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.interpolation import OptimalInterpolation
from ldensf_core.observations import SensorNetwork

PLAIN = {"grid": 0.4, "random": 0.6}
VARIED = {"grid": 0.25, "random": 0.3, "cluster": 0.15, "line": 0.15, "half": 0.15}
"""Shares of the layouts."""


class NetworkBank:
    """``size`` sensor networks, each with a noise level, padded to the largest number of sensors.

    Args:
        sensors: least and largest number of sensors; more would only average the noise further.
        most_noise: largest noise, as a fraction of each variable's standard deviation.
        varied: draw from all layouts, and let a share of the networks have gaps, measure some
            variables only, or measure each with another noise.

    Attributes:
        points, weights: bilinear stencils, (size, n, 4); padding has weight zero.
        gain: (size, K, V, n); padding has gain zero. ``unknown``: (size, S).
        noise: (size, V), fraction of each variable's standard deviation.
    """

    def __init__(
        self,
        interpolation: OptimalInterpolation,
        benchmark: Benchmark,
        size: int,
        sensors: tuple[int, int],
        most_noise: float,
        seed: int,
        varied: bool = False,
    ) -> None:
        self.interpolation, self.benchmark = interpolation, benchmark
        self.sensors, self.most_noise, self.varied = sensors, most_noise, varied
        self.rng = np.random.default_rng(seed)
        v, k, n = len(interpolation.residual), interpolation.basis.count, sensors[1]
        like = interpolation.deviations
        self.points = torch.zeros(size, n, 4, dtype=torch.int64, device=like.device)
        self.weights = like.new_zeros(size, n, 4)
        self.gain = like.new_zeros(size, k, v, n)
        self.unknown = like.new_zeros(size, interpolation.count)
        self.noise = like.new_zeros(size, v)
        for entry in range(size):
            self.replace(entry)

    def replace(self, entry: int) -> None:
        """Draw a new network for one entry of the bank."""
        network, like = self._network(), self.gain
        n = len(network)
        noise = like.new_tensor(self._noise())
        positions = torch.as_tensor(network.positions, device=like.device)
        present = torch.as_tensor(self._present(n), device=like.device)
        gain, unknown = self.interpolation.gain(positions, present, noise)
        points, weights = network.stencils()
        self.points[entry, :n] = points.to(like.device)
        self.weights[entry, :n], self.weights[entry, n:] = weights.to(like), 0.0
        self.gain[entry, ..., :n], self.gain[entry, ..., n:] = gain, 0.0
        self.unknown[entry], self.noise[entry] = unknown, noise

    def _network(self) -> SensorNetwork:
        least, most = self.sensors
        shares = VARIED if self.varied else PLAIN
        drawn = np.searchsorted(np.cumsum(list(shares.values())), self.rng.random(), "right")
        layout = list(shares)[min(drawn, len(shares) - 1)]  # the sum may be a little less than one
        if layout == "grid":
            x, y = self.benchmark.x, self.benchmark.y
            aspect = (x.high - x.low) / (y.high - y.low)
            longer = min(round(max(aspect, 1 / aspect)), most)
            fewest = math.isqrt((least - 1) // longer) + 1  # longer · short² sensors in all
            short = self.rng.integers(fewest, math.isqrt(most // longer) + 1)
            shape = (longer * short, short) if aspect >= 1 else (short, longer * short)
            return SensorNetwork.grid(self.benchmark, *shape)
        n = round(math.exp(self.rng.uniform(math.log(least), math.log(most))))
        seed = int(self.rng.integers(2**63))
        return SensorNetwork.place(self.benchmark, n, layout, seed)

    def _noise(self) -> np.ndarray:
        """Noise of each variable, (V,)."""
        v = self.noise.shape[1]
        # Half of the levels are near the low end, where precision matters; zero included.
        level = self.most_noise * self.rng.random() ** 2 * (self.rng.random() > 0.05)
        if self.varied and self.rng.random() < 0.2:
            return level * self.rng.random(v)
        return np.full(v, level)

    def _present(self, n: int) -> np.ndarray:
        """Which values there are, (n, V)."""
        v = self.noise.shape[1]
        present = np.ones((n, v), dtype=bool)
        if not self.varied:
            return present
        if self.rng.random() < 0.2:
            measured = self.rng.permutation(v)[: self.rng.integers(1, v + 1)]
            present &= np.isin(np.arange(v), measured)
        if self.rng.random() < 0.2:
            present &= self.rng.random((n, v)) >= 0.6 * self.rng.random()
        return present

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
        values = values + self.noise[entry][:, None, :, None] * torch.randn_like(values)
        coefficients = torch.einsum("bkvn,btvn->btk", self.gain[entry], values)
        return coefficients, self.unknown[entry][:, None].expand(b, t, -1)
