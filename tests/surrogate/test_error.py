"""The map of a surrogate's own error, against errors drawn from known deviations."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Box, Kolmogorov, Tsunami
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import SurrogateError


def fitted(benchmark, errors, parameters):
    """From errors (B, T, V, ny, nx) of runs with these unit parameters (B, P)."""
    error = SurrogateError(benchmark)
    error.fit(torch.stack([error.in_cells(e) for e in errors.unbind(1)], dim=1), parameters)
    return error


@pytest.fixture
def basin():
    benchmark = Tsunami(32)
    benchmark.times = benchmark.times[:3]
    return benchmark


def test_is_zero_until_it_is_fitted(basin):
    assert (SurrogateError(basin).at(2, torch.zeros(2)) == 0).all()


def test_gives_back_what_errors_by_snapshot_variable_and_parameters_were_drawn_with(basin):
    torch.manual_seed(0)
    parameters = 2 * torch.rand(60, 2) - 1
    by_variable = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    by_time = torch.tensor([1.0, 2.0, 0.5])[:, None, None, None]

    def by_parameters(p):
        return torch.exp(p[..., 0] - 0.5 * p[..., 0] * p[..., 1] + 0.3 * p[..., 1] ** 2)

    deviations = by_parameters(parameters)[:, None, None, None, None] * by_time * by_variable
    errors = deviations * torch.randn(60, 3, 3, *basin.grid_shape)
    error = fitted(basin, errors, parameters)
    torch.testing.assert_close(
        error.slopes, torch.tensor([1.0, 0.0, 0.0, -0.5, 0.3]), rtol=0, atol=0.02
    )
    for index, asked in enumerate(torch.tensor([[0.0, 0.0], [0.9, -0.8], [-1.0, 1.0]])):
        expected = by_parameters(asked) * by_time[index] * by_variable
        found = error.at(index, asked)
        torch.testing.assert_close(found, expected.expand_as(found), rtol=0.3, atol=0)
        torch.testing.assert_close(found.mean((1, 2)), expected[:, 0, 0], rtol=0.02, atol=0)


@pytest.mark.parametrize("benchmark", [Tsunami(96), Kolmogorov(96)], ids=["walls", "periodic"])
def test_follows_errors_that_vary_over_many_cells(benchmark):
    """Up to the edge, across which only a periodic domain goes on."""
    ny, nx = benchmark.grid_shape
    phase = 2 * math.pi * torch.arange(nx) / nx
    expected = 0.3 + 0.1 * torch.cos(phase) * torch.ones(len(benchmark.variables), ny, 1)
    runs, middle = 30, torch.zeros(len(benchmark.parameters))
    signs = torch.tensor([1.0, -1.0]).repeat(runs // 2)[:, None, None, None, None]
    errors = signs * expected.expand(1, benchmark.n_times, *expected.shape)
    torch.manual_seed(0)
    error = fitted(benchmark, errors, torch.rand(runs, len(middle)))
    assert error.at(0, middle).shape == expected.shape
    torch.testing.assert_close(error.at(0, middle), expected, rtol=0, atol=0.01)


def test_cells_are_square_and_cover_the_grid():
    assert SurrogateError(Tsunami(150)).deviation.shape == (51, 3, 15, 15)
    assert SurrogateError(Kolmogorov(150)).deviation.shape == (40, 2, 15, 15)


@pytest.mark.parametrize(
    "ny, nx, cells",
    [(20, 36, (10, 18)), (34, 51, (2, 3)), (19, 24, (19, 24)), (12, 25, (12, 25))],
)
def test_cells_fill_a_grid_of_any_shape(ny, nx, cells):
    basin = Tsunami(8)
    x, y = (
        replace(axis, points=(np.arange(n) + 0.5) / n * axis.high)
        for axis, n in ((basin.x, nx), (basin.y, ny))
    )
    basin.domain = Box(x, y)
    error = SurrogateError(basin)
    assert error.deviation.shape[2:] == cells
    assert error.at(0, torch.zeros(2)).shape == (3, ny, nx)


def test_at_sensors_is_the_map_at_their_places(tsunami, model):
    """The square of the map, interpolated; near walls too."""
    network = SensorNetwork.at(tsunami, [[3.0, 2.0], [521.0, 481.0], [998.0, 700.0], [251.0, 6.0]])
    parameters = torch.tensor([0.3, -0.8])
    found = model.error.at_sensors(network) * model.error.factor(parameters).square()
    for index in (0, 25, 50):
        on_grid = model.error.at(index, parameters).square()
        torch.testing.assert_close(found[index], network.values(on_grid), rtol=0.02, atol=1e-9)
