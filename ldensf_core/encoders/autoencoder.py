"""The coupled variational autoencoder: states and observations in one latent space.

Si and Chen, "Latent-EnSF: A Latent Ensemble Score Filter for High-Dimensional Data Assimilation
with Sparse Observation Data" (arXiv 2409.00127). A state encoder reads fields; an observation
encoder reads the measurements of one time, without history. Both give a normal distribution of the
latent z, and one decoder turns z into fields. They are trained together to agree, so that every
component of the latent space is observed.

Both encoders read coefficients in an orthonormal basis, in units of their climatological spread.
The state encoder takes those of the fields, the observation encoder those of an optimal
interpolation with the share of variance left unknown. Any sensors and any noise are thus accepted;
it is right for networks like those it was trained on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.interpolation import OptimalInterpolation
from ldensf_core.observations import Observation
from ldensf_core.surrogate import Decoder
from ldensf_core.surrogate.spectral import ResidualBlock

LOG_STD = (-6.0, 0.0)
"""Range of the logarithm of the standard deviation of z; the prior's is zero."""


class CoefficientEncoder(nn.Module):
    """A residual perceptron from ``inputs`` numbers to a distribution of L latent numbers."""

    def __init__(self, inputs: int, n_latent: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width, dtype=torch.float32)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.write = nn.Linear(width, 2 * n_latent, dtype=torch.float32)

    def forward(self, inputs: Tensor) -> Normal:
        """(..., inputs) → independent normal distributions, (..., L)."""
        mean, log_std = self.write(self.blocks(self.first(inputs))).chunk(2, dim=-1)
        low, high = LOG_STD
        std = torch.exp(low + (high - low) * torch.sigmoid(log_std))
        return Normal(mean, std, validate_args=False)  # the check would wait for the device


class CoupledVAE(nn.Module):
    """State encoder, observation encoder and their common decoder.

    Args:
        interpolation: from measurements to coefficients; the state encoder uses its basis and
            the spread of its coefficients too.
        decoder: of L = ``n_latent`` numbers.
        width, blocks: of each encoder.

    Attributes:
        mean, std: (L,), of z over training states, the aggregate posterior.
    """

    def __init__(
        self,
        interpolation: OptimalInterpolation,
        decoder: Decoder,
        n_latent: int,
        width: int,
        blocks: int,
    ) -> None:
        super().__init__()
        inputs = interpolation.basis.count
        self.interpolation = interpolation
        self.state_encoder = CoefficientEncoder(inputs, n_latent, width, blocks)
        self.observation_encoder = CoefficientEncoder(
            inputs + interpolation.count, n_latent, width, blocks
        )
        self.decoder = decoder
        self.register_buffer("mean", torch.zeros(n_latent, dtype=torch.float32))
        self.register_buffer("std", torch.ones(n_latent, dtype=torch.float32))

    def of_fields(self, fields: Tensor) -> Normal:
        """Normalised fields (..., V, ny, nx) → distribution of z, (..., L)."""
        coefficients = self.interpolation.basis.analyse(fields)
        return self.state_encoder(coefficients / self.interpolation.deviations)

    def of_observation(self, coefficients: Tensor, unknown: Tensor) -> Normal:
        """Interpolated coefficients (..., K), unknown shares (..., S) → distribution of z."""
        return self.observation_encoder(torch.cat([coefficients, unknown], dim=-1))

    def fields(self, latent: Tensor) -> Tensor:
        """z (..., L) → normalised fields (..., V, ny, nx)."""
        return self.decoder.on_grid(latent)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers, which the optimiser treats separately."""
        encoders = self.state_encoder, self.observation_encoder
        blocks = [m.weight for e in encoders for b in e.blocks for m in (b.first, b.second)]
        return [*(e.first.weight for e in encoders), *blocks, *self.decoder.hidden_matrices()]


class ObservationReader:
    """The observation encoder in use; its matrices for the sensors are kept until these change.

    Args:
        vae: on the device to use.
    """

    def __init__(self, benchmark: Benchmark, vae: CoupledVAE) -> None:
        self.benchmark, self.vae = benchmark, vae
        self._known: tuple[Any, ...] = (None,)  # layout, gain, unknown

    def read(self, observation: Observation) -> Normal:
        """Distribution of z, (L,), from an observation on any device; ignores missing values."""
        like, interpolation = self.vae.mean, self.vae.interpolation
        mean, std = self.benchmark.mean(like), self.benchmark.std(like)
        if observation.layout != self._known[0]:
            moved = observation.to(like.device)
            self._known = (
                observation.layout,
                *interpolation.gain(moved.positions, moved.present, moved.std.to(like) / std),
            )
        _, gain, unknown = self._known
        y = (observation.values.to(like) - mean) / std - interpolation.basis.rest
        coefficients = gain.flatten(1) @ y.nan_to_num(nan=0.0).mT.flatten()
        return self.vae.of_observation(coefficients, unknown)
