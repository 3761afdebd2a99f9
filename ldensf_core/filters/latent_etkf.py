"""Ensemble Kalman filters in the latent space, in place of LD-EnSF's score filter.

Surrogate, encoder, calibration and process noise are those of LD-EnSF; only the analysis differs.
The ``gaussian`` rule corrects every component with its variance alone. These filters use the whole
ensemble covariance: well observed components correct the others (see ``kalman``).
"""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import Tensor

from ldensf_core.analyses.kalman import enkf_analysis, letkf_analysis
from ldensf_core.filters.latent import LatentFilter


class LatentKalmanFilter(LatentFilter):
    """Analyses in units of each component's standard deviation over training runs."""

    waits = True  # for linear algebra

    @abstractmethod
    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """Analysis members (M, D) from forecast members (M, D), y (D,) and its variance (D,)."""

    def correct(self) -> None:
        """Add process noise to the members, then analyse."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        prior = (self.state - mean) / std + self.process_noise * self.standard_normal()
        # NaN from the encoder, after an extreme value, carries no information.
        variance = (self.inflation * self.sigma).square().nan_to_num(nan=math.inf)
        after = mean + std * self.analysed(prior, self.y.nan_to_num(), variance)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self.state.copy_(after)  # one copy: an interruption leaves forecast or analysis


class LatentETKF(LatentKalmanFilter):
    """The ensemble transform Kalman filter, whose analysis draws no random numbers."""

    name = "latent-etkf"
    title = "latent ETKF"
    sentence = "Corrects latent state and parameters with the ensemble transform Kalman filter."

    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """Use the symmetric square root."""
        everywhere = variance.new_ones(1, len(variance))
        return letkf_analysis(prior[..., None], prior, y, variance, everywhere)[..., 0]


class LatentEnKF(LatentKalmanFilter):
    """The stochastic ensemble Kalman filter: each member sees its own noisy observation."""

    name = "latent-enkf"
    title = "latent EnKF"
    sentence = "Corrects latent state and parameters with the stochastic ensemble Kalman filter."

    def analysed(self, prior: Tensor, y: Tensor, variance: Tensor) -> Tensor:
        """Perturb the observation with noise from the filter's generator."""
        return enkf_analysis(prior, y, variance, self.generator)
