"""LD-EnSF: the ensemble score filter in the latent space of an LDNet.

Xiao, Si and Chen (ICLR 2026). Latent state and parameters are corrected together: the history
encoder turns the observations up to now into a noisy observation of (s, u), whose operator is
the identity, so that an analysis is one affine map of each component (``score``).

Two rules for that map can be chosen:

* ``gaussian``: exact where prior and observation are Gaussian. The encoder's successive outputs
  share their observations, so its standard deviation is inflated by a factor, and process
  noise stands for what the latent dynamics get wrong; both were fitted on validation runs (card).
* ``published``: the Euler loop of the paper, collapsed. It works in units of the training
  standard deviation of each component and takes no observation noise below the limit at which
  its Euler steps are stable; its spread follows the number of steps rather than the evidence.
"""

from __future__ import annotations

import torch

from ldensf_core.encoders import ObservationHistory
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.score import gaussian_map, published_map, smallest_stable_sigma
from ldensf_core.model import LatentModel
from ldensf_core.observations import Observation

RULES = ("gaussian", "published")


class LDEnSF(FreeRun):
    """The latent filter.

    Args:
        rule: ``gaussian`` or ``published``.

    Raises:
        ValueError: if the rule is unknown.
    """

    name = "ld-ensf"

    def __init__(self, model: LatentModel, rule: str = "gaussian") -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; there are {', '.join(RULES)}")
        super().__init__(model)
        self.rule = rule
        calibration = model.card["calibration"]
        self.inflation = float(calibration["inflation"])
        self.process_noise = float(calibration["process_noise"])

    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior and forget all observations."""
        super().reset(members, seed)
        self.history = ObservationHistory(self.model.benchmark, self.model.encoder)
        self.generator = torch.Generator(self.model.device).manual_seed(seed)

    @torch.inference_mode()
    def analyse(self, observation: Observation) -> None:
        """Correct latent states and parameters with an observation of the present snapshot."""
        if not observation.present.any():
            return
        encoder = self.model.encoder
        mean, std = self.history.update(observation.to(self.model.device))
        y, sigma = (mean - encoder.mean) / encoder.std, std / encoder.std
        prior = torch.cat([self.latent, self.parameters], dim=-1)
        prior = (prior - encoder.mean) / encoder.std
        if self.rule == "published":
            analysis = published_map(sigma.clamp_min(smallest_stable_sigma()))
        else:
            noise = torch.randn(
                prior.shape, generator=self.generator, dtype=prior.dtype, device=prior.device
            )
            variance = prior.var(dim=0, correction=min(1, len(prior) - 1))
            variance = variance + self.process_noise**2
            prior = prior + self.process_noise * noise
            analysis = gaussian_map(self.inflation * sigma, variance)
        after = encoder.mean + encoder.std * analysis.apply(prior, y, self.generator)
        n_latent = self.latent.shape[-1]
        self.latent = after[:, :n_latent]
        self.parameters = after[:, n_latent:].clamp(-1, 1)  # the prior has bounds
