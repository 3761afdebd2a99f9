"""The learned physics: LDNet and its decoders. One file for each decoder, one line below."""

from dataclasses import is_dataclass
from inspect import isabstract
from typing import Any

from ldensf_core.registry import Registry
from ldensf_core.surrogate.coordinates import CoordinateDecoder, CoordinateSizes
from ldensf_core.surrogate.decoder import Decoder
from ldensf_core.surrogate.error import SurrogateError
from ldensf_core.surrogate.ldnet import LDNet
from ldensf_core.surrogate.spectral import SpectralDecoder, SpectralSizes


def _check(decoder: Any) -> None:
    """Refuse a class that cannot be built from sizes or cannot decode."""
    if not (isinstance(decoder, type) and issubclass(decoder, Decoder)):
        raise ValueError(f"decoder {decoder!r}: a subclass of Decoder is needed")
    if isabstract(decoder):
        missing = ", ".join(sorted(decoder.__abstractmethods__))
        raise ValueError(f"decoder {decoder.__name__} lacks {missing}")
    for said in ("title", "sentence"):
        if not isinstance(getattr(decoder, said, None), str):
            raise ValueError(f"decoder {decoder.__name__} must say its {said}")
    if not is_dataclass(getattr(decoder, "Sizes", None)):
        raise ValueError(f"decoder {decoder.__name__}: its Sizes must be a dataclass")


DECODERS: Registry[type[Decoder]] = Registry(
    "decoder", [SpectralDecoder, CoordinateDecoder], _check
)
"""The kinds of decoders, by name; other packages add theirs by ``ldensf.decoders``."""

register_decoder = DECODERS.register

__all__ = [
    "DECODERS",
    "CoordinateDecoder",
    "CoordinateSizes",
    "Decoder",
    "LDNet",
    "SpectralDecoder",
    "SpectralSizes",
    "SurrogateError",
    "register_decoder",
]
