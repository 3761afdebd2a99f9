"""Encoders: from observations to latent state and parameters."""

from ldensf_core.encoders.history import HistoryEncoder
from ldensf_core.encoders.interpolation import OptimalInterpolation
from ldensf_core.encoders.single import SingleEncoder
from ldensf_core.encoders.stream import ObservationHistory

__all__ = ["HistoryEncoder", "ObservationHistory", "OptimalInterpolation", "SingleEncoder"]
