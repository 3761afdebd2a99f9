"""No assimilation: the prior ensemble, carried by the surrogate and never corrected."""

from __future__ import annotations

import torch

from ldensf_core.filters.base import Estimate
from ldensf_core.model import LatentModel
from ldensf_core.observations import Observation


class FreeRun:
    """An ensemble of latent states and parameters.

    Attributes:
        latent: (M, L). ``parameters``: unit parameters, (M, P). Both are replaced, never
            written to, so that estimates may keep them.
    """

    name = "none"
    full_space = False

    def __init__(self, model: LatentModel) -> None:
        self.model = model

    @torch.inference_mode()
    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0."""
        benchmark, device = self.model.benchmark, self.model.device
        draws = benchmark.parameter_array(benchmark.sample_parameters(members, seed))
        physical = torch.as_tensor(draws, dtype=torch.float32, device=device)
        self.parameters = benchmark.unit_parameters(physical)
        self.latent = self.model.ldnet.initial_state(self.parameters)

    @torch.inference_mode()
    def forecast(self) -> None:
        """Carry the ensemble one snapshot forward with the latent dynamics."""
        self.latent = self.model.ldnet.step(self.latent, self.parameters)

    def analyse(self, observation: Observation) -> None:
        """Nothing: observations are not used."""

    def estimate(self) -> Estimate:
        """The present ensemble, decoded when asked for."""
        model, latent = self.model, self.latent

        @torch.inference_mode()
        def decode() -> torch.Tensor:
            return model.benchmark.denormalise(model.ldnet.decode(latent))

        return Estimate(decode, model.benchmark.physical_parameters(self.parameters))
