"""The history encoder alone: what is left of LD-EnSF without its score filter.

The encoder has read all observations so far, so that its output is by itself the posterior of
(s, u) given all of them. A filter that corrects a forecast with it is worth what it does better
than this.
"""

from __future__ import annotations

import torch

from ldensf_core.filters.latent import LatentFilter


class EncoderAlone(LatentFilter):
    """Members drawn from N(y, σ²) of the encoder at every observation; the forecast is dropped.

    Between observations the latent dynamics carry the members on; before the first one they are
    draws of the prior. The draws of the components are independent: the encoder states no
    correlations. σ is taken as the encoder states it: the card's ``inflation`` is fitted to the
    fused filter, together with process noise (docs/decisions/0003).
    """

    name = "encoder"
    title = "encoder alone"
    sentence = "Draws its members from what the encoder says, and drops the forecast."

    def correct(self) -> None:
        """Replace all members; a component of which the encoder says NaN keeps its forecast."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        drawn = mean + std * (self.y + self.sigma * self.standard_normal())
        after = torch.where(drawn.isnan(), self.state, drawn)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self.state.copy_(after)  # one copy: an interruption leaves forecast or analysis
