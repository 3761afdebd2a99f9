"""The encoder in use: observations come one at a time, from one network of sensors."""

from __future__ import annotations

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.history import HistoryEncoder
from ldensf_core.observations import Observation


class ObservationHistory:
    """The history of observations of one run, in the encoder's memory.

    Args:
        encoder: on the device of the observations to come.
    """

    def __init__(self, benchmark: Benchmark, encoder: HistoryEncoder) -> None:
        self.benchmark, self.encoder = benchmark, encoder
        self._memory: Tensor | None = None
        self._seen: Observation | None = None
        self._gain: tuple[Tensor, Tensor] | None = None

    def update(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Add an observation; returns mean and standard deviation of (s, u), each (L+P,)."""
        gain, unknown = self._interpolation(observation)
        mean, std = self.benchmark.mean(gain), self.benchmark.std(gain)
        departures = (observation.values - mean) / std - self.encoder.interpolation.basis.rest
        values = departures.nan_to_num(nan=0.0).mT  # missing ones have gain zero
        coefficients = gain.flatten(1) @ values.flatten()
        index = torch.full((1, 1), float(observation.index), device=gain.device)
        mean, std, self._memory = self.encoder(
            coefficients[None, None], unknown[None, None], index, self._memory
        )
        return mean[0, 0], std[0, 0]

    def _interpolation(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """The gain for this observation; made anew only when sensors, noise or gaps change."""
        seen = self._seen
        same = (
            seen is not None
            and torch.equal(seen.positions, observation.positions)
            and torch.equal(seen.std, observation.std)
            and torch.equal(seen.present, observation.present)
        )
        if not same:
            noise = observation.std / self.benchmark.std(observation.std)
            self._gain = self.encoder.interpolation.gain(
                observation.positions, observation.present, noise
            )
            self._seen = observation
        return self._gain
