"""What every test shares."""

import os

# Triton, where it is installed, interprets its kernels: it looks when it is first imported.
os.environ["TRITON_INTERPRET"] = "1"

import pytest
import torch

from ldensf_core.benchmarks import Tsunami, get_benchmark
from ldensf_core.checkpoints import load_pretrained
from ldensf_core.model import LatentModel

# The tests, the browser and the server that it talks to share two cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_random_state() -> None:
    """Networks draw their weights from torch's global generator: no test may depend on the last."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tsunami() -> Tsunami:
    """The tsunami on its own grid of 150 × 150."""
    return get_benchmark("tsunami")


@pytest.fixture(scope="session")
def model() -> LatentModel:
    """The shipped model of the tsunami, on the CPU; tests leave it as it is."""
    return load_pretrained("tsunami", "cpu")


@pytest.fixture(scope="session")
def true_parameters(tsunami: Tsunami) -> torch.Tensor:
    """Parameters of the first six trajectories of the test split, (6, 2), physical units."""
    split = tsunami.split("test").isel(trajectory=slice(6))
    return torch.as_tensor(tsunami.parameter_array(split), dtype=torch.float32)


@pytest.fixture(scope="session")
def truths(tsunami: Tsunami, true_parameters: torch.Tensor) -> torch.Tensor:
    """Their fields by the solver, (6, T, V, ny, nx), physical units; left as they are."""
    return tsunami.trajectories(true_parameters)
