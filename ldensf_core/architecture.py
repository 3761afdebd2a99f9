"""Sizes of the learned networks, and the untrained networks of those sizes.

The sizes are kept in the card of trained weights, from which the networks are rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders import HistoryEncoder, OptimalInterpolation
from ldensf_core.surrogate import BASES, LDNet, SpectralDecoder


@dataclass(frozen=True)
class Architecture:
    """Sizes of the networks of one benchmark.

    Attributes:
        n_latent: L, size of the latent state.
        dynamics_width: of the hidden layers of the latent dynamics.
        coefficients: of each variable that the decoder gives.
        width, blocks, last, features: of the decoder, see ``SpectralDecoder``.
        observed_coefficients: of each variable that observations are interpolated to.
        encoder_width, encoder_memory: see ``HistoryEncoder``.
    """

    n_latent: int
    dynamics_width: int = 128
    coefficients: int = 1296
    width: int = 512
    blocks: int = 3
    last: int = 704
    features: int = 246
    observed_coefficients: int = 256
    encoder_width: int = 384
    encoder_memory: int = 256


def build_ldnet(
    benchmark: Benchmark, architecture: Architecture, scales: Tensor | None = None
) -> LDNet:
    """An untrained LDNet; without ``scales`` (V, C), ready for trained ones to be loaded."""
    a = architecture
    if scales is None:
        scales = torch.ones(len(benchmark.variables), a.coefficients)
    decoder = SpectralDecoder(
        BASES[benchmark.name](benchmark, a.coefficients),
        scales,
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
        statistics: ``deviations`` (V, C) and ``residual`` (V,) of the fields, ``mean`` and
            ``std`` (L+P,) of the targets.
    """
    a = architecture
    v, targets = len(benchmark.variables), a.n_latent + len(benchmark.parameters)
    s = statistics or {
        "deviations": torch.ones(v, a.observed_coefficients),
        "residual": torch.ones(v),
        "mean": torch.zeros(targets),
        "std": torch.ones(targets),
    }
    basis = BASES[benchmark.name](benchmark, a.observed_coefficients).to(s["mean"].device)
    interpolation = OptimalInterpolation(basis, s["deviations"], s["residual"])
    return HistoryEncoder(
        interpolation,
        s["mean"],
        s["std"],
        benchmark.n_times,
        width=a.encoder_width,
        memory=a.encoder_memory,
    )
