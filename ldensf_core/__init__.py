"""Latent data assimilation: LD-EnSF and baselines on three benchmarks."""

from ldensf_core.benchmarks import (
    DatasetBenchmark,
    get_benchmark,
    list_benchmarks,
    register_benchmark,
)
from ldensf_core.filters import FILTERS, register_filter
from ldensf_core.filters.chosen import make_filter
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.surrogate import DECODERS, Decoder, register_decoder
from ldensf_core.twin.experiment import TwinExperiment
from ldensf_core.twin.follow import Cycle, FilterCycle, follow
from ldensf_core.twin.twin import Twin
from ldensf_core.weights.card import CheckpointError
from ldensf_core.weights.checkpoints import load_pretrained

__all__ = [
    "DECODERS",
    "FILTERS",
    "CheckpointError",
    "Cycle",
    "DatasetBenchmark",
    "Decoder",
    "FilterCycle",
    "Observation",
    "SensorNetwork",
    "Twin",
    "TwinExperiment",
    "follow",
    "get_benchmark",
    "list_benchmarks",
    "load_pretrained",
    "make_filter",
    "register_benchmark",
    "register_decoder",
    "register_filter",
]
