import itertools
import math

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis
from ldensf_core.domains.bases import WallBasis

COUNT = 40
"""Of each variable."""
PARITIES = ("cs", "sc", "cc")


def axis(name, n, low, high):
    points = low + (np.arange(n) + 0.5) / n * (high - low)
    return Axis(name, name, "km", points, low, high)


X, Y = axis("x", 24, -100.0, 300.0), axis("y", 20, 50.0, 250.0)
REST = torch.tensor([0.2, -0.1, 0.5])


@pytest.fixture(scope="module")
def basis():
    return WallBasis(X, Y, PARITIES, REST, 3 * COUNT).double()


def coefficients(*batch):
    return torch.randn(*batch, 3 * COUNT, dtype=torch.float64)


def one_hot(variable, position):
    """The coefficients of a single basis function, the ``position``-th one of a variable."""
    c = torch.zeros(len(PARITIES), COUNT, dtype=torch.float64)
    c[variable, position] = 1.0
    return c.flatten()


def wave(parity, k, xi):
    """The k-th function of a parity, from its definition."""
    if parity == "s":
        return math.sqrt(2) * np.sin((k + 1) * np.pi * xi)
    return np.ones_like(xi) if k == 0 else math.sqrt(2) * np.cos(k * np.pi * xi)


def test_every_variable_has_as_many_coefficients_of_its_own(basis):
    assert basis.count == 3 * COUNT
    assert [group.variables for group in basis.groups] == [(0,), (1,), (2,)]
    assert [len(range(120)[g.coefficients]) for g in basis.groups] == [COUNT] * 3
    assert WallBasis(X, Y, PARITIES, REST, 3 * COUNT + 2).count == 3 * COUNT


def test_mean_square_of_each_variable_is_that_of_its_coefficients(basis):
    c = coefficients(5)
    fields = basis.synthesise(c) - basis.rest[:, None, None]
    assert fields.shape == (5, 3, 20, 24)
    expected = c.unflatten(-1, (3, COUNT)).square().sum(-1)
    torch.testing.assert_close(fields.square().mean((-1, -2)), expected)


@pytest.mark.parametrize("variable, parity", list(enumerate(PARITIES)))
def test_at_any_point_is_a_product_of_cosines_and_sines(basis, variable, parity):
    """Each kept function, at points off the grid, against its formula."""
    rng = np.random.default_rng(1)
    xi, upsilon = rng.random(50), rng.random(50)  # fractions of the box
    positions = torch.as_tensor(np.stack([-100 + 400 * xi, 50 + 200 * upsilon], axis=-1))
    # The box is twice as wide as high, so that a wave along x is twice as long.
    pairs = sorted(itertools.product(range(16), range(16)), key=lambda p: 4 * p[0] ** 2 + p[1] ** 2)
    values = [basis.at(one_hot(variable, i), positions)[:, variable] for i in range(COUNT)]
    found = torch.stack(values).numpy() - REST[variable].item()
    # Pairs of the same wavelength may come in any order, so whole shells are compared as sets.
    expected = np.stack([wave(parity[0], k, upsilon) * wave(parity[1], m, xi) for k, m in pairs])
    distance = np.abs(found[:, None] - expected).max(-1)
    nearest = distance.argmin(1)
    assert distance.min(1).max() < 1e-6
    assert len(set(nearest)) == COUNT
    radius = np.array([4 * k**2 + m**2 for k, m in pairs])
    assert radius[nearest].tolist() == radius[:COUNT].tolist()


def test_a_velocity_vanishes_on_the_walls_that_it_would_cross(basis):
    c = coefficients(3)
    along = torch.linspace(0, 1, 11, dtype=torch.float64)
    for x in (X.low, X.high):
        wall = torch.stack([torch.full((11,), x), 50 + 200 * along], dim=-1)
        values = basis.at(c, wall)
        torch.testing.assert_close(values[..., 0], basis.rest[0].expand(3, 11), atol=1e-6, rtol=0)
        assert values[..., 1].std() > 0.1  # the other two are free there
    for y in (Y.low, Y.high):
        wall = torch.stack([-100 + 400 * along, torch.full((11,), y)], dim=-1)
        values = basis.at(c, wall)
        torch.testing.assert_close(values[..., 1], basis.rest[1].expand(3, 11), atol=1e-6, rtol=0)
        assert values[..., 2].std() > 0.1


def test_elevation_has_no_slope_at_the_walls(basis):
    c = coefficients()
    near = torch.tensor([[X.low, 120.0], [X.low + 1e-3, 120.0]], dtype=torch.float64)
    inside = torch.tensor([[60.0, 120.0], [60.0 + 1e-3, 120.0]], dtype=torch.float64)
    slope = [(basis.at(c, pair)[:, 2].diff() / 1e-3).abs().item() for pair in (near, inside)]
    assert slope[0] < 1e-3 * slope[1]
