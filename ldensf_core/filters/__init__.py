"""How the state is estimated. One file a filter, one line in the registry."""

from __future__ import annotations

from typing import Any

from ldensf_core.filters.base import Estimate, Filter
from ldensf_core.filters.encoder import EncoderAlone
from ldensf_core.filters.ensf import EnSF
from ldensf_core.filters.ensf_inpainting import InpaintingEnSF
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.full_space import FullSpaceFilter
from ldensf_core.filters.latent_ensf import LatentEnSF
from ldensf_core.filters.latent_etkf import LatentEnKF, LatentETKF
from ldensf_core.filters.latent_smoother import LatentSmoother
from ldensf_core.filters.ldensf import LDEnSF
from ldensf_core.filters.letkf import LETKF
from ldensf_core.registry import Registry


def _check(kind: Any) -> None:
    lacking = [what for what in ("title", "sentence") if not getattr(kind, what, "")]
    if not isinstance(kind, type) or lacking or getattr(kind, "kind", "") not in KINDS:
        raise ValueError(
            f"filter {kind!r}: a class with name, title, sentence and kind is needed; kind "
            f"is {' or '.join(map(repr, KINDS))}"
        )


KINDS = ("latent", "full space")
FILTERS: Registry[type[Filter]] = Registry(
    "filter",
    [
        *(LDEnSF, LatentSmoother, LatentETKF, LatentEnKF, EncoderAlone),
        *(EnSF, InpaintingEnSF, LETKF, LatentEnSF, FreeRun),
    ],
    _check,
)
"""The classes of all filters, by name."""
register_filter = FILTERS.register

__all__ = [
    "FILTERS",
    "LETKF",
    "EnSF",
    "EncoderAlone",
    "Estimate",
    "Filter",
    "FreeRun",
    "FullSpaceFilter",
    "InpaintingEnSF",
    "LDEnSF",
    "LatentETKF",
    "LatentEnKF",
    "LatentEnSF",
    "LatentSmoother",
    "register_filter",
]
