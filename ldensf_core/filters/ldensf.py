"""LD-EnSF: the ensemble score filter in the latent space of an LDNet.

Xiao, Si and Chen (ICLR 2026). Latent state and parameters are corrected together. The history
encoder turns the observations up to now into a noisy observation of (s, u) with the identity as
its operator, so an analysis is one affine map of each component (``score``).

There are two rules for that map:

* ``gaussian``: exact where prior and observation are Gaussian, and calibrated (``latent``).
* ``published``: what the authors' code does. It multiplies latent members and encoder output by
  100, takes the observation's noise to be 0.1 in these units whatever the encoder says, adds one
  draw of it to the observation, runs a hundred Euler steps and divides by 100. The loop is an
  affine map with constant weights (``published_map``), so that scaling there and back leaves its
  gain, 0.367, and divides its noise, to 0.0016 of a latent unit. Neither looks at the ensemble
  or at the encoder's standard deviation.

The encoder's output is by itself the posterior of all observations so far. A forecast that was
corrected with earlier outputs holds the same observations: both rules count them twice. How little
the analysis adds to the encoder is seen beside the filter ``encoder``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from ldensf_core.analyses.score import AffineMap, published_map
from ldensf_core.filters.latent import LatentFilter
from ldensf_core.filters.options import Option
from ldensf_core.weights.model import LatentModel

RULES = ("gaussian", "published")
SCALING, SIGMA, EULER_STEPS, EPSILON = 100.0, 0.1, 100, 0.01
"""Of the published rule: latent numbers times ``SCALING`` are observed with noise ``SIGMA``. The
authors' ε is this for two benchmarks, and 0.5 for their tsunami."""


def scaled_map(epsilon: float) -> AffineMap:
    """The published rule's map of latent states and unit parameters themselves, each (1,).

    Raises:
        ValueError: if ``published_map`` refuses ``epsilon``.
    """
    in_scaled_units = published_map(torch.tensor([SIGMA]), EULER_STEPS, epsilon)
    return replace(in_scaled_units, s=in_scaled_units.s / SCALING)


class LDEnSF(LatentFilter):
    """The latent score filter.

    Args:
        rule: ``gaussian`` or ``published``.
        epsilon: of the published rule's reverse SDE.

    Raises:
        ValueError: if the rule is unknown, or with ``published`` if ``epsilon`` cannot be used.
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
                "or always 0.63 and 0.37, as in the authors' code.",
                choices=RULES,
            ),
        ] = "gaussian",
        epsilon: Annotated[
            float,
            # Between these bounds a hundred Euler steps are stable for σ = 0.1.
            Option(
                "ε, at which the schedule of the published rule's reverse SDE ends.",
                low=0.006,
                high=0.99,
            ),
        ] = EPSILON,
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; there are {', '.join(RULES)}")
        super().__init__(model)
        self.rule = rule
        if rule == "published":
            map_ = scaled_map(epsilon)
            self._map = AffineMap(*(w.to(model.device) for w in (map_.b, map_.c, map_.s)))

    def correct(self) -> None:
        """Apply the rule's affine map in place."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        y, sigma = self.y, self.sigma
        if self.rule == "gaussian":
            factors = self.inflation, self.process_noise, self.model.ldnet.n_latent
            noise = self.standard_normal()
            self.functions.correct(self.state, y, sigma, mean, std, noise, *factors)
            return
        draw = torch.randn(
            y.shape, generator=self.generator, dtype=y.dtype, device=y.device
        )  # the same for all members
        observed = mean + std * y + SIGMA / SCALING * draw
        after = self._map.apply(self.state, observed, self.generator)
        # NaN from the encoder, after an extreme value, carries no information.
        after = torch.where(observed.isnan(), self.state, after)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self.state.copy_(after)  # one copy: an interruption leaves forecast or analysis
