"""What is learned of the physics: LDNet and its decoders."""

from ldensf_core.surrogate.coordinates import CoordinateDecoder
from ldensf_core.surrogate.error import SurrogateError
from ldensf_core.surrogate.ldnet import Decoder, LDNet
from ldensf_core.surrogate.spectral import SpectralDecoder

__all__ = [
    "CoordinateDecoder",
    "Decoder",
    "LDNet",
    "SpectralDecoder",
    "SurrogateError",
]
