"""How the state is estimated. One file a filter, one line in the registry."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ldensf_core.benchmarks import Benchmark
from ldensf_core.filters.base import Estimate, Filter
from ldensf_core.filters.ensf import EnSF
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.ldensf import RULES, LDEnSF
from ldensf_core.model import LatentModel

LATENT_FILTERS: dict[str, Callable[[LatentModel, str], Filter]] = {
    "ld-ensf": LDEnSF,
    "none": lambda model, rule: FreeRun(model),
}
"""Filters on a trained model, which live in its latent space; they take the analysis rule."""

FULL_SPACE_FILTERS: dict[str, Callable[[Benchmark, torch.device], Filter]] = {"ensf": EnSF}
"""Filters that run the benchmark's solver for every member."""

FILTERS = (*LATENT_FILTERS, *FULL_SPACE_FILTERS)

__all__ = [
    "FILTERS",
    "FULL_SPACE_FILTERS",
    "LATENT_FILTERS",
    "RULES",
    "EnSF",
    "Estimate",
    "Filter",
    "FreeRun",
    "LDEnSF",
]
