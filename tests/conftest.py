"""What every test shares."""

import os

# Triton, where it is installed, interprets its kernels: it looks when it is first imported.
os.environ["TRITON_INTERPRET"] = "1"

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis, Tsunami, get_benchmark
from ldensf_core.domains.bases import PeriodicBasis, SolenoidalBasis, SphereBasis, WallBasis
from ldensf_core.weights.checkpoints import load_pretrained
from ldensf_core.weights.model import LatentModel

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


# Small bases of each kind, each with the area weights of its grid.


def axis(name, n, low, high, periodic=False):
    points = low + (np.arange(n) + 0.5) / n * (high - low)
    return Axis(name, name, "km", points, low, high, periodic)


def walls(count=120):
    x, y = axis("x", 24, -100.0, 300.0), axis("y", 20, 50.0, 250.0)
    return WallBasis(x, y, ("cs", "sc", "cc"), torch.tensor([0.2, -0.1, 0.5]), count)


def periodic(count=120):
    """Wider than high, with an even number of points along x, an odd one along y."""
    x, y = axis("x", 24, -1.0, 5.0, periodic=True), axis("y", 19, 2.0, 6.0, periodic=True)
    return PeriodicBasis(x, y, torch.tensor([0.2, -0.1, 0.5]), count)


def solenoidal(count=90, std=(1.5, 0.6)):
    """An odd number of points along x, an even one along y."""
    x, y = axis("x", 27, 1.0, 4.0, periodic=True), axis("y", 24, -2.0, 1.0, periodic=True)
    return SolenoidalBasis(x, y, torch.tensor(std), torch.tensor([0.3, -0.2]), count)


def sphere(count=300):
    x, y = axis("x", 48, 0.0, 360.0, periodic=True), axis("y", 24, -90.0, 90.0)
    std, rest = torch.tensor([300.0, 20.0, 8.0]), torch.tensor([0.1, 0.3, -0.2])
    return SphereBasis(x, y, std, rest, count)


KINDS = {"walls": walls, "periodic": periodic, "solenoidal": solenoidal, "sphere": sphere}
SHAPES = {
    "walls": (3, 20, 24),
    "periodic": (3, 19, 24),
    "solenoidal": (2, 24, 27),
    "sphere": (3, 24, 48),
}


@pytest.fixture(scope="session", params=KINDS)
def kind(request):
    """The name of each kind of basis in turn."""
    return request.param


@pytest.fixture(scope="session")
def make(kind):
    """Makes a basis of this kind with about a given number of coefficients."""
    return KINDS[kind]


@pytest.fixture(scope="session")
def basis(make):
    """A basis of this kind, in single precision as in use."""
    return make()


@pytest.fixture(scope="session")
def shape(kind):
    """(V, ny, nx) of its fields."""
    return SHAPES[kind]


@pytest.fixture(scope="session")
def area(kind, shape):
    """Share of the domain of each grid point, over its mean, (ny, nx), float64."""
    weights = torch.ones(shape[1:], dtype=torch.float64)
    if kind == "sphere":
        latitude = torch.deg2rad((torch.arange(24, dtype=torch.float64) + 0.5) / 24 * 180 - 90)
        weights *= torch.cos(latitude)[:, None]
    return weights / weights.mean()


@pytest.fixture(scope="session")
def positions(kind):
    """Every point of the grid, (ny·nx, 2), and then the same number off the grid."""
    low, side = {
        "walls": ((-100, 50), (400, 200)),
        "periodic": ((-1, 2), (6, 4)),
        "solenoidal": ((1, -2), (3, 3)),
        "sphere": ((0, -90), (360, 180)),
    }[kind]
    _, ny, nx = SHAPES[kind]
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny)
    fractions = np.stack([x, y], axis=-1).reshape(-1, 2)
    off = np.random.default_rng(0).random(fractions.shape)
    return torch.as_tensor(np.concatenate([fractions, off]) * side + low)
