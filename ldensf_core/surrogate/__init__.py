"""What is learned of the physics: LDNet, its decoders, and the bases that these work in."""

from ldensf_core.surrogate.bases import BASES, Basis
from ldensf_core.surrogate.coordinates import CoordinateDecoder
from ldensf_core.surrogate.error import SurrogateError
from ldensf_core.surrogate.ldnet import Decoder, LDNet
from ldensf_core.surrogate.spectral import SpectralDecoder

__all__ = [
    "BASES",
    "Basis",
    "CoordinateDecoder",
    "Decoder",
    "LDNet",
    "SpectralDecoder",
    "SurrogateError",
]
