"""What is learned of the physics: LDNet, and the bases its decoders work in."""

from collections.abc import Callable

import torch

from ldensf_core.benchmarks import Benchmark
from ldensf_core.surrogate.ldnet import Decoder, LDNet
from ldensf_core.surrogate.spectral import SpectralDecoder, WallBasis


def _tsunami(benchmark: Benchmark, count: int) -> WallBasis:
    """u vanishes on the western and eastern walls, v on the southern and northern ones."""
    rest = benchmark.normalise(torch.zeros(len(benchmark.variables), 1, 1))[:, 0, 0]
    return WallBasis(benchmark.x, benchmark.y, ("cs", "sc", "cc"), rest, count)


BASES: dict[str, Callable[[Benchmark, int], WallBasis]] = {"tsunami": _tsunami}
"""For each benchmark, the basis of its normalised fields with a given number of coefficients."""

__all__ = ["BASES", "Decoder", "LDNet", "SpectralDecoder", "WallBasis"]
