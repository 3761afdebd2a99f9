"""How the state is estimated. One file a filter, one line in the registry."""

from __future__ import annotations

from collections.abc import Callable

from ldensf_core.filters.base import Estimate, Filter
from ldensf_core.filters.ensf import EnSF
from ldensf_core.filters.ensf_inpainting import InpaintingEnSF
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.full_space import FullSpaceFilter
from ldensf_core.filters.latent_ensf import LatentEnSF
from ldensf_core.filters.latent_etkf import LatentEnKF, LatentETKF
from ldensf_core.filters.ldensf import RULES, LDEnSF
from ldensf_core.filters.letkf import LETKF
from ldensf_core.weights.model import LatentModel

LATENT_FILTERS: dict[str, Callable[[LatentModel, str], Filter]] = {
    "ld-ensf": LDEnSF,
    "latent-etkf": lambda model, rule: LatentETKF(model),
    "latent-enkf": lambda model, rule: LatentEnKF(model),
    "none": lambda model, rule: FreeRun(model),
}
"""Filters on a trained model, which live in its latent space; the analysis rule is LD-EnSF's."""

FULL_SPACE_FILTERS: dict[str, type[FullSpaceFilter]] = {
    "ensf": EnSF,
    "ensf-inpainting": InpaintingEnSF,
    "letkf": LETKF,
    "latent-ensf": LatentEnSF,
}
"""Filters that run the benchmark's solver for every member, made of benchmark and device."""

FILTERS = (*LATENT_FILTERS, *FULL_SPACE_FILTERS)

__all__ = [
    "FILTERS",
    "FULL_SPACE_FILTERS",
    "LATENT_FILTERS",
    "LETKF",
    "RULES",
    "EnSF",
    "Estimate",
    "Filter",
    "FreeRun",
    "FullSpaceFilter",
    "InpaintingEnSF",
    "LDEnSF",
    "LatentETKF",
    "LatentEnKF",
    "LatentEnSF",
]
