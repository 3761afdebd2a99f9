"""Sizes of the networks, and untrained networks of these sizes.

The card of trained weights holds the sizes, from which the networks are rebuilt. Networks are made
in single precision, whatever torch's default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders import HistoryEncoder, OptimalInterpolation
from ldensf_core.encoders.autoencoder import CoupledVAE
from ldensf_core.surrogate import DECODERS, Decoder, LDNet


@dataclass(frozen=True)
class DynamicsSizes:
    """Width and number of the hidden layers of the latent dynamics."""

    width: PositiveInt
    layers: PositiveInt


@dataclass(frozen=True)
class EncoderSizes:
    """Sizes of a history encoder.

    Attributes:
        coefficients: number that observations are interpolated to.
        width, memory: see ``HistoryEncoder``.
    """

    coefficients: PositiveInt
    width: PositiveInt
    memory: PositiveInt


@dataclass(frozen=True)
class Architecture:
    """Sizes of the networks of one model.

    Attributes:
        n_latent: L, size of the latent state.
        decoder: its kind, a name in ``DECODERS``; ``sizes``: a ``Sizes`` of that kind.
    """

    n_latent: PositiveInt
    decoder: str
    sizes: Any
    dynamics: DynamicsSizes
    encoder: EncoderSizes


@dataclass(frozen=True)
class VAEEncoderSizes:
    """Sizes of the two encoders of a coupled variational autoencoder.

    Attributes:
        coefficients: number that both read.
        width, blocks: of each, see ``CoupledVAE``.
    """

    coefficients: PositiveInt
    width: PositiveInt
    blocks: PositiveInt


@dataclass(frozen=True)
class VAEArchitecture:
    """Sizes of a coupled variational autoencoder; ``decoder`` as in ``Architecture``."""

    n_latent: PositiveInt
    decoder: str
    sizes: Any
    encoder: VAEEncoderSizes


def build_decoder(benchmark: Benchmark, architecture: Architecture | VAEArchitecture) -> Decoder:
    """An untrained decoder.

    Raises:
        ValueError: if the kind is unknown, or the sizes are of another kind.
    """
    kind, sizes = DECODERS[architecture.decoder], architecture.sizes
    if not isinstance(sizes, kind.Sizes):
        raise ValueError(f"decoder {kind.name!r} is built of {kind.Sizes.__name__}, not {sizes!r}")
    return kind.build(benchmark, architecture.n_latent, sizes)


def build_ldnet(benchmark: Benchmark, architecture: Architecture) -> LDNet:
    """An untrained LDNet, or one to load weights into; raises as ``build_decoder``.

    Before training, call ``scale_to`` of its decoder.
    """
    dynamics = architecture.dynamics
    return LDNet(
        build_decoder(benchmark, architecture),
        architecture.n_latent,
        len(benchmark.parameters),
        dynamics.width,
        dynamics.layers,
    )


def build_encoder(
    benchmark: Benchmark,
    n_latent: int,
    sizes: EncoderSizes,
    statistics: dict[str, Tensor] | None = None,
) -> HistoryEncoder:
    """An untrained encoder; without ``statistics``, one to load weights into.

    Args:
        n_latent: L, size of the latent state.
        statistics: ``deviations`` (K,) and ``residual`` (V,) of the fields, ``mean`` and
            ``std`` (L+P,) of the targets.
    """
    targets = n_latent + len(benchmark.parameters)
    basis = benchmark.basis(sizes.coefficients)
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
        width=sizes.width,
        memory=sizes.memory,
    )


def build_vae(
    benchmark: Benchmark,
    architecture: VAEArchitecture,
    statistics: dict[str, Tensor] | None = None,
) -> CoupledVAE:
    """An untrained autoencoder; without ``statistics``, one to load weights into.

    Args:
        statistics: ``deviations`` (K,) and ``residual`` (V,) of the fields.
    """
    encoder = architecture.encoder
    basis = benchmark.basis(encoder.coefficients)
    s = statistics or {
        "deviations": torch.ones(basis.count, dtype=torch.float32),
        "residual": torch.ones(len(benchmark.variables), dtype=torch.float32),
    }
    decoder = build_decoder(benchmark, architecture)
    device = s["residual"].device
    interpolation = OptimalInterpolation(basis.to(device), s["deviations"], s["residual"])
    return CoupledVAE(
        interpolation, decoder.to(device), architecture.n_latent, encoder.width, encoder.blocks
    )
