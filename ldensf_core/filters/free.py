"""No assimilation: the prior ensemble, carried by the surrogate and never corrected."""

from __future__ import annotations

import numpy as np
import torch

from ldensf_core.filters.base import Estimate
from ldensf_core.model import LatentModel
from ldensf_core.observations import Observation


class FreeRun:
    """An ensemble of latent states and parameters.

    All members share the surrogate's own error, which their latent states do not know of. It is
    added when fields are decoded: in quadrature to the spread, and to the members as draws that
    average to zero. It is nearly white: the validation runs show it spread almost evenly over
    the coefficients of the decoder.

    Attributes:
        index: of the snapshot that the ensemble stands at.
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
        self.index, self.seed = 0, seed
        draws = benchmark.parameter_array(benchmark.sample_parameters(members, seed))
        physical = torch.as_tensor(draws, dtype=torch.float32, device=device)
        self.parameters = benchmark.unit_parameters(physical)
        self.latent = self.model.ldnet.initial_state(self.parameters)

    @torch.inference_mode()
    def forecast(self) -> None:
        """Carry the ensemble one snapshot forward with the latent dynamics."""
        self.latent = self.model.ldnet.step(self.latent, self.parameters)
        self.index += 1

    def analyse(self, observation: Observation) -> None:
        """Nothing: observations are not used."""

    def estimate(self) -> Estimate:
        """The present ensemble, decoded when asked for."""
        model, latent = self.model, self.latent
        seeds = np.random.SeedSequence([self.seed, self.index])
        error = model.surrogate_error[self.index][:, None, None]

        @torch.inference_mode()
        def decode() -> torch.Tensor:
            fields = model.ldnet.decode(latent)
            generator = torch.Generator(model.device).manual_seed(int(seeds.generate_state(1)[0]))
            draws = torch.randn(fields.shape, generator=generator, device=model.device)
            fields += error * (draws - draws.mean(0))
            return model.benchmark.denormalise(fields)

        @torch.inference_mode()
        def moments() -> tuple[torch.Tensor, torch.Tensor]:
            mean, spread = model.ldnet.decoder.moments(latent)
            spread = spread.hypot(error)
            std = model.benchmark.std(spread)[:, None, None]
            return model.benchmark.denormalise(mean), spread * std

        parameters = model.benchmark.physical_parameters(self.parameters)
        return Estimate(decode, parameters, moments)
