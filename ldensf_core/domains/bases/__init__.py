"""Bases of normalised fields: one file a kind of domain, one line a benchmark."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.domains.bases.base import Basis, Group
from ldensf_core.domains.bases.periodic import SolenoidalBasis
from ldensf_core.domains.bases.sphere import SphereBasis
from ldensf_core.domains.bases.walls import WallBasis


def _at_rest(benchmark: Benchmark) -> Tensor:
    """What zero is in normalised fields, (V,)."""
    return benchmark.normalise(torch.zeros(len(benchmark.variables), 1, 1, dtype=torch.float32))[
        :, 0, 0
    ]


def _kolmogorov(benchmark: Benchmark, count: int) -> Basis:
    rest = _at_rest(benchmark)
    return SolenoidalBasis(benchmark.x, benchmark.y, benchmark.std(rest), rest, count)


def _tsunami(benchmark: Benchmark, count: int) -> Basis:
    """u vanishes on the western and eastern walls, v on the southern and northern ones."""
    return WallBasis(benchmark.x, benchmark.y, ("cs", "sc", "cc"), _at_rest(benchmark), count)


def _atmosphere(benchmark: Benchmark, count: int) -> Basis:
    """Heights depart from their mean, winds from rest."""
    rest = _at_rest(benchmark) * torch.tensor([0, 1, 1])
    return SphereBasis(benchmark.x, benchmark.y, benchmark.std(rest), rest, count)


BASES: dict[str, Callable[[Benchmark, int], Basis]] = {
    "kolmogorov": _kolmogorov,
    "tsunami": _tsunami,
    "atmosphere": _atmosphere,
}
"""For each benchmark, the basis of its normalised fields with about so many coefficients."""

__all__ = ["BASES", "Basis", "Group", "SolenoidalBasis", "SphereBasis", "WallBasis"]
