"""The latent cycle as its authors run it: separate calls, and a hundred Euler steps.

It has the networks and sizes of ``LDEnSF``, to measure what the arrangement of the arithmetic
costs. The interpolation matrix is kept between observations here too.
"""

from __future__ import annotations

import torch

from ldensf_core.analyses.score import euler_loop
from ldensf_core.filters.ldensf import EPSILON, EULER_STEPS, SCALING, SIGMA
from ldensf_core.observations import Observation
from ldensf_core.weights.model import LatentModel


class PublishedLoop:
    """A filter without an estimate, for timing alone.

    Args:
        observation: any one of the sensors; all later ones must have the same sensors.
    """

    def __init__(self, model: LatentModel, observation: Observation) -> None:
        self.model = model
        moved = observation.to(model.device)
        self._gain, self._unknown = model.encoder.interpolation.gain(
            moved.positions, moved.present, moved.std / model.benchmark.std(moved.std)
        )

    @torch.inference_mode()
    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior."""
        bench, device = self.model.benchmark, self.model.device
        draws = bench.parameter_array(bench.sample_parameters(members, seed))
        physical = torch.as_tensor(draws, dtype=torch.float32, device=device)
        self.parameters = bench.unit_parameters(physical)
        self.latent = self.model.ldnet.initial_state(self.parameters)
        self.generator = torch.Generator(device).manual_seed(seed)
        self._memory = None

    @torch.inference_mode()
    def forecast(self) -> None:
        """Carry the ensemble one snapshot forward."""
        self.latent = self.model.ldnet.step(self.latent, self.parameters)

    @torch.inference_mode()
    def encode(self, observation: Observation) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of (s, u), each (L+P,)."""
        bench, encoder = self.model.benchmark, self.model.encoder
        values = observation.values.to(self.model.device)
        departures = (values - bench.mean(values)) / bench.std(values)
        departures = (departures - encoder.interpolation.basis.rest).mT
        coefficients = self._gain.flatten(1) @ departures.flatten()
        index = values.new_full((1, 1), float(observation.index))
        mean, std, self._memory = encoder(
            coefficients[None, None], self._unknown[None, None], index, self._memory
        )
        return mean[0, 0], std[0, 0]

    @torch.inference_mode()
    def analyse(self, observation: Observation) -> None:
        """Correct latent states and parameters."""
        mean, _ = self.encode(observation)
        prior = torch.cat([self.latent, self.parameters], dim=-1)
        like = {"dtype": mean.dtype, "device": mean.device}
        draw = torch.randn(mean.shape, generator=self.generator, **like)
        after = euler_loop(
            SCALING * prior,
            SCALING * mean + SIGMA * draw,
            torch.full_like(mean, SIGMA),
            EULER_STEPS,
            EPSILON,
            self.generator,
        )
        after /= SCALING
        n_latent = self.latent.shape[-1]
        self.latent, self.parameters = after[:, :n_latent], after[:, n_latent:].clamp(-1, 1)

    def cycle(self, observation: Observation) -> None:
        """Forecast and analysis."""
        self.forecast()
        self.analyse(observation)
