"""Latent data assimilation: LD-EnSF and what it is compared with, on three benchmarks."""

from ldensf_core.benchmarks import get_benchmark, list_benchmarks
from ldensf_core.filters import FILTERS, FULL_SPACE_FILTERS, RULES
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import DECODERS, Decoder, register_decoder
from ldensf_core.twin.experiment import Cycle, FilterCycle, TwinExperiment
from ldensf_core.weights.card import CheckpointError
from ldensf_core.weights.checkpoints import load_pretrained

__all__ = [
    "DECODERS",
    "FILTERS",
    "FULL_SPACE_FILTERS",
    "RULES",
    "CheckpointError",
    "Cycle",
    "Decoder",
    "FilterCycle",
    "SensorNetwork",
    "TwinExperiment",
    "get_benchmark",
    "list_benchmarks",
    "load_pretrained",
    "register_decoder",
]
