"""Sizes of the learned networks, and the untrained networks of those sizes.

The sizes are kept in the card of trained weights, from which the networks are rebuilt. They are
made in single precision, whatever torch makes by default.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders import HistoryEncoder, OptimalInterpolation
from ldensf_core.encoders.autoencoder import CoupledVAE
from ldensf_core.surrogate import CoordinateDecoder, LDNet, SpectralDecoder

VAE_FREQUENCY = 3.0
"""Of the sines that its decoder begins with: noise of 0.1 has to leave them as they are."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the networks of one benchmark.

    Attributes:
        n_latent: L, size of the latent state.
        dynamics_width: of the hidden layers of the latent dynamics.
        coefficients: that the decoder gives, of all variables together.
        width, blocks, last, features: of the decoder, see ``SpectralDecoder``.
        observed_coefficients: that observations are interpolated to.
        encoder_width, encoder_memory: see ``HistoryEncoder``.
    """

    n_latent: int
    dynamics_width: int = 128
    coefficients: int = 3888
    width: int = 512
    blocks: int = 3
    last: int = 704
    features: int = 246
    observed_coefficients: int = 768
    encoder_width: int = 384
    encoder_memory: int = 256


@dataclass(frozen=True)
class CoordinateArchitecture:
    """Sizes of an LDNet with a decoder of coordinates.

    Attributes:
        n_latent: L, size of the latent state.
        dynamics_width, dynamics_layers: of the hidden layers of the latent dynamics, and how
            many there are.
        width, layers, features, frequency: of the decoder, see ``CoordinateDecoder``.
    """

    n_latent: int
    dynamics_width: int
    dynamics_layers: int
    width: int
    layers: int
    features: int
    frequency: float


@dataclass(frozen=True)
class VAEArchitecture:
    """Sizes of a coupled variational autoencoder.

    Attributes:
        observed_coefficients: that both encoders read.
        n_latent: L, size of the latent space.
        encoder_width, encoder_blocks: of either encoder.
        coefficients, width, blocks, last, features: of the decoder, see ``SpectralDecoder``.
    """

    observed_coefficients: int
    coefficients: int
    last: int
    n_latent: int = 64
    encoder_width: int = 128
    encoder_blocks: int = 1
    width: int = 128
    blocks: int = 1
    features: int = 32


def build_ldnet(benchmark: Benchmark, architecture: Architecture | CoordinateArchitecture) -> LDNet:
    """An untrained LDNet, ready for trained weights to be loaded.

    What its decoder takes from the data, ``scale_to`` sets.
    """
    a = architecture
    if isinstance(a, CoordinateArchitecture):
        return LDNet(
            CoordinateDecoder(benchmark, a.n_latent, a.width, a.layers, a.features, a.frequency),
            a.n_latent,
            len(benchmark.parameters),
            width=a.dynamics_width,
            layers=a.dynamics_layers,
        )
    decoder = SpectralDecoder(
        benchmark.basis(a.coefficients),
        a.n_latent,
        width=a.width,
        blocks=a.blocks,
        last=a.last,
        features=a.features,
    )
    return LDNet(decoder, a.n_latent, len(benchmark.parameters), width=a.dynamics_width)


def build_encoder(
    benchmark: Benchmark,
    architecture: Architecture,
    statistics: dict[str, Tensor] | None = None,
) -> HistoryEncoder:
    """An untrained encoder; without ``statistics``, ready for trained ones to be loaded.

    Args:
        statistics: ``deviations`` (K,) and ``residual`` (V,) of the fields, ``mean`` and
            ``std`` (L+P,) of the targets.
    """
    a = architecture
    targets = a.n_latent + len(benchmark.parameters)
    basis = benchmark.basis(a.observed_coefficients)
    s = statistics or {
        "deviations": torch.ones(basis.count, dtype=torch.float32),
        "residual": torch.ones(len(benchmark.variables), dtype=torch.float32),
        "mean": torch.zeros(targets, dtype=torch.float32),
        "std": torch.ones(targets, dtype=torch.float32),
    }
    interpolation = OptimalInterpolation(basis.to(s["mean"].device), s["deviations"], s["residual"])
    return HistoryEncoder(
        interpolation,
        s["mean"],
        s["std"],
        benchmark.n_times,
        width=a.encoder_width,
        memory=a.encoder_memory,
    )


def build_vae(
    benchmark: Benchmark,
    architecture: VAEArchitecture,
    statistics: dict[str, Tensor] | None = None,
) -> CoupledVAE:
    """An untrained autoencoder; without ``statistics``, ready for trained weights to be loaded.

    Args:
        statistics: ``deviations`` (K,) and ``residual`` (V,) of the fields.
    """
    a = architecture
    basis = benchmark.basis(a.observed_coefficients)
    s = statistics or {
        "deviations": torch.ones(basis.count, dtype=torch.float32),
        "residual": torch.ones(len(benchmark.variables), dtype=torch.float32),
    }
    decoder = SpectralDecoder(
        benchmark.basis(a.coefficients),
        a.n_latent,
        width=a.width,
        blocks=a.blocks,
        last=a.last,
        features=a.features,
        frequency=VAE_FREQUENCY,
    )
    device = s["residual"].device
    interpolation = OptimalInterpolation(basis.to(device), s["deviations"], s["residual"])
    return CoupledVAE(interpolation, decoder.to(device), a.encoder_width, a.encoder_blocks)
