"""Runs of latent filters on truths of no training run, for ``smoother.py`` and ``rules.py``.

Truths are drawn from the prior with seed 2026, which nothing else uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ldensf_core import SensorNetwork
from ldensf_core.benchmarks import Benchmark
from ldensf_core.benchmarks.model_errors import NONE, changed
from ldensf_core.filters import FreeRun
from ldensf_core.filters.latent_smoother import ALIKE
from ldensf_core.observations.innovation import SMALLEST_NOISE
from ldensf_core.scores import relative_rmse, relative_spread
from ldensf_core.weights.checkpoints import load_pretrained
from ldensf_core.weights.model import LatentModel

SEED, NOISE, MEMBERS = 2026, 0.1, 20
AT_ONCE = 10  # truths simulated together
GRID = {1: 4096, 2: 256}
"""Points along each side of the fine grid, by the number of unknowns."""
BEYOND = {
    "tsunami": {"source_x": 600.0, "source_y": 250.0},
    "kolmogorov": {"reynolds": 1650.0},
    "atmosphere": {"amplitude": 15.0, "width": 4.5},
}
"""A truth outside the prior."""


class Bench:
    """A benchmark's model on a device, and truths for it."""

    def __init__(self, benchmark: Benchmark, device: torch.device) -> None:
        self.benchmark, self.device = benchmark, device
        self.model: LatentModel = load_pretrained(benchmark, device)
        self.last_quarter = range(math.ceil(0.75 * benchmark.n_times), benchmark.n_times)

    def truths(
        self, count: int, physics: str = NONE, beyond: bool = False
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Number, parameters (P,) and fields (T, V, ny, nx) of each truth, simulated in batches."""
        draws = self.benchmark.parameter_array(self.benchmark.sample_parameters(count, SEED))
        if beyond:
            fixed = list(BEYOND[self.benchmark.name].values())
            spread = np.array([0.02 * (p.high - p.low) for p in self.benchmark.parameters])
            rng = np.random.default_rng(SEED)
            draws = fixed + spread * rng.uniform(-1, 1, size=draws.shape)
        return self.simulated(draws, physics)

    def simulated(
        self, draws: np.ndarray, physics: str = NONE
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The same for given parameters (N, P)."""
        solver = changed(self.benchmark, physics)
        values = torch.as_tensor(draws, dtype=torch.float32, device=self.device)
        for start in range(0, len(draws), AT_ONCE):
            some = values[start : start + AT_ONCE]
            fields = solver.trajectories(some)
            for i, parameters in enumerate(some):
                yield start + i, parameters, fields[i]

    def network(self, sensors: int | None, layout: str, truth: int) -> SensorNetwork:
        """Another network for each truth, unless it is a grid."""
        return SensorNetwork.place(self.benchmark, sensors, layout, SEED + truth)

    def observations(self, network: SensorNetwork, fields: Tensor, truth: int, **how: Any) -> list:
        """Of all snapshots, on the CPU."""
        return [
            network.observe(of, k, NOISE, 0.0, SEED + truth, **how).to("cpu")
            for k, of in enumerate(fields)
        ]

    def run(
        self, filter_: FreeRun, observations: list, truth: int, members: int = MEMBERS
    ) -> Iterator[int]:
        """Run a filter along observations; yields the index after each cycle."""
        filter_.reset(members, SEED + 1000 + truth)
        for index, observation in enumerate(observations):
            if index:
                filter_.cycle(observation)
            else:
                filter_.analyse(observation)
            yield index

    def scores(
        self, filter_: FreeRun, observations: list, fields: Tensor, truth: int
    ) -> tuple[float, float]:
        """Mean error and spread over the last quarter."""
        found = []
        for index in self.run(filter_, observations, truth):
            if index in self.last_quarter:
                estimate = filter_.estimate()
                mean, spread = estimate.mean, estimate.spread
                found.append(
                    (
                        relative_rmse(self.benchmark, mean, fields[index]),
                        relative_spread(self.benchmark, spread, fields[index]),
                    )
                )
        return tuple(np.mean(found, axis=0))

    def floor(self, parameters: Tensor, fields: Tensor) -> float:
        """Mean error of the surrogate at the true parameters over the last quarter."""
        path = self._path(self.benchmark.unit_parameters(parameters)[None])[0]
        return float(
            np.mean(
                [
                    relative_rmse(self.benchmark, self._decoded(path[k])[0], fields[k])
                    for k in self.last_quarter
                ]
            )
        )

    def posterior(self, network: SensorNetwork, observations: list, fields: Tensor) -> float:
        """Spread of the fields of the posterior on a fine grid, over the last quarter."""
        unknowns = len(self.benchmark.parameters)
        side = torch.linspace(-1, 1, GRID[unknowns], device=self.device)
        points = torch.cartesian_prod(*[side] * unknowns).view(-1, unknowns)
        first = self._log_likelihood(points, network, observations[: self.last_quarter[0] + 1])
        weights = first.softmax(0)
        mean = weights @ points.double()
        deviation = (weights @ (points - mean).square()).sqrt()
        # A second grid resolves a narrow posterior.
        reach = (6 * deviation + 4 / GRID[unknowns]).float()
        low, high = (mean.float() - reach).clamp_min(-1), (mean.float() + reach).clamp_max(1)
        points = low + (high - low) * (points + 1) / 2
        spreads = []
        for index in (self.last_quarter[0], self.last_quarter[-1]):
            logs = self._log_likelihood(points, network, observations[: index + 1])
            drawn = torch.multinomial(logs.softmax(0), 200, replacement=True)
            decoded = self._decoded(self._path(points[drawn])[:, index])
            spreads.append(relative_spread(self.benchmark, decoded.std(0), fields[index]))
        return float(np.mean(spreads))

    def _log_likelihood(self, points: Tensor, network: SensorNetwork, observations: list) -> Tensor:
        predict, errors = self.model.at_sensors(network)
        total = torch.zeros(len(points), dtype=torch.float64, device=self.device)
        factor = self.model.error.factor(points).square()[:, None]
        state = self.model.ldnet.initial_state(points)
        for index, observation in enumerate(observations):
            if index:
                state = self.model.ldnet.step(state, points)
            values = observation.values.to(self.device)
            std = self.benchmark.std(values)
            y = ((values - self.benchmark.mean(values)) / std).flatten()
            noise = (observation.std.to(self.device) / std).clamp_min(SMALLEST_NOISE).square()
            variance = noise.expand_as(values).flatten() + ALIKE * factor * errors[index].flatten()
            square = (predict(state).flatten(1) - y).square() / variance + variance.log()
            total -= 0.5 * square.double().sum(1)
        return total

    def _path(self, unit: Tensor) -> Tensor:
        return self.model.ldnet.rollout(unit, self.benchmark.n_times)

    def _decoded(self, latent: Tensor) -> Tensor:
        latent = latent.view(-1, latent.shape[-1])
        return self.benchmark.denormalise(self.model.ldnet.decode(latent))
