"""Ensemble Kalman filters in the latent space: LD-EnSF without its score filter.

Surrogate, encoder, calibration and process noise are LD-EnSF's; only the analysis differs. Its
``gaussian`` rule corrects every component by its own variance, whereas these take the ensemble's
whole covariance, so that what is well observed corrects what is not (see ``kalman``).
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from ldensf_core.analyses.kalman import enkf_analysis, letkf_analysis
from ldensf_core.filters.latent import LatentFilter


class LatentKalmanFilter(LatentFilter):
    """Analyses in units of each component's standard deviation over training runs."""

    waits = True  # as linear algebra does

    @abstractmethod
    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """Analysis members (M, D) of forecast members (M, D), of y (D,) and its variance (D,)."""

    def correct(self) -> None:
        """The analysis of members to which process noise is added."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        noise = torch.randn(
            self.state.shape,
            generator=self.generator,
            dtype=self.state.dtype,
            device=self.state.device,
        )
        prior = (self.state - mean) / std + self.process_noise * noise
        # An encoder that a wild value has made say NaN says nothing.
        variance = (self.inflation * self.sigma).square().nan_to_num(nan=torch.inf)
        after = mean + std * self.analysed(prior, self.y.nan_to_num(), variance)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self.state.copy_(after)  # in one: interrupted, it is the forecast or the analysis


class LatentETKF(LatentKalmanFilter):
    """The ensemble transform Kalman filter, whose analysis draws no random numbers."""

    name = "latent-etkf"
    title = "latent ETKF"
    sentence = "Corrects latent state and parameters with the ensemble transform Kalman filter."

    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """By the symmetric square root."""
        everywhere = variance.new_ones(1, len(variance))
        return letkf_analysis(prior[..., None], prior, y, variance, everywhere)[..., 0]


class LatentEnKF(LatentKalmanFilter):
    """The stochastic ensemble Kalman filter: each member sees its own noisy observation."""

    name = "latent-enkf"
    title = "latent EnKF"
    sentence = "Corrects latent state and parameters with the stochastic ensemble Kalman filter."

    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """With noise drawn from the filter's generator."""
        return enkf_analysis(prior, y, variance, self.generator)
