"""Latent data assimilation: LD-EnSF and what it is compared with, on three benchmarks."""

from ldensf_core.benchmarks import (
    DatasetBenchmark,
    get_benchmark,
    list_benchmarks,
    register_benchmark,
)
from ldensf_core.filters import FILTERS, FULL_SPACE_FILTERS, RULES
from ldensf_core.observations import SensorNetwork
from ldensf_core.twin.experiment import Cycle, FilterCycle, TwinExperiment
from ldensf_core.weights.checkpoints import CheckpointError, load_pretrained

__all__ = [
    "FILTERS",
    "FULL_SPACE_FILTERS",
    "RULES",
    "CheckpointError",
    "Cycle",
    "DatasetBenchmark",
    "FilterCycle",
    "SensorNetwork",
    "TwinExperiment",
    "get_benchmark",
    "list_benchmarks",
    "load_pretrained",
    "register_benchmark",
]
