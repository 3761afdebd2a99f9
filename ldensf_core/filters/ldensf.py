"""LD-EnSF: the ensemble score filter in the latent space of an LDNet.

Xiao, Si and Chen (ICLR 2026). Latent state and parameters are corrected together. The history
encoder turns the observations up to now into a noisy observation of (s, u) with the identity as
its operator, so an analysis is one affine map of each component (``score``).

There are two rules for that map:

* ``gaussian``: exact where prior and observation are Gaussian, and calibrated (``latent``).
* ``published``: the Euler loop of the paper, collapsed. It works in units of the training
  standard deviation of each component and raises observation noise to the stability limit of
  its Euler steps; the spread depends on the number of steps, not on the observations. A hundred
  steps leave too much noise; ten thousand cost the same, because the loop is collapsed.
"""

from __future__ import annotations

from typing import Annotated

import torch

from ldensf_core.analyses.score import published_map, smallest_stable_sigma
from ldensf_core.filters.latent import LatentFilter
from ldensf_core.filters.options import Option
from ldensf_core.weights.model import LatentModel

RULES = ("gaussian", "published")
EULER_STEPS = 10_000
"""Number of steps of the published rule; the paper takes a hundred."""


class LDEnSF(LatentFilter):
    """The latent score filter.

    Args:
        rule: ``gaussian`` or ``published``.

    Raises:
        ValueError: if the rule is unknown.
    """

    name = "ld-ensf"
    title = "LD-EnSF"
    sentence = "Corrects latent state and parameters with an ensemble score filter."

    def __init__(
        self,
        model: LatentModel,
        rule: Annotated[
            str,
            Option(
                "Weights of forecast and observation: exact for Gaussian errors and calibrated, "
                "or from the score filter's Euler loop with 10,000 steps.",
                choices=RULES,
            ),
        ] = "gaussian",
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; there are {', '.join(RULES)}")
        super().__init__(model)
        self.rule, self.waits = rule, rule == "published"  # its check of σ waits for the device

    def correct(self) -> None:
        """Apply the rule's affine map in place."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        y, sigma = self.y, self.sigma
        if self.rule == "gaussian":
            noise = torch.randn(
                self.state.shape,
                generator=self.generator,
                dtype=self.state.dtype,
                device=self.state.device,
            )
            factors = self.inflation, self.process_noise, self.model.ldnet.n_latent
            self.functions.correct(self.state, y, sigma, mean, std, noise, *factors)
            return
        # NaN from the encoder, after an extreme value, carries no information.
        sigma = sigma.nan_to_num(nan=torch.inf).clamp_min(smallest_stable_sigma(EULER_STEPS))
        map_ = published_map(sigma, EULER_STEPS)
        after = mean + std * map_.apply((self.state - mean) / std, y, self.generator)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self.state.copy_(after)  # one copy: an interruption leaves forecast or analysis
