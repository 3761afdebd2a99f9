import numpy as np
import pytest
import torch
from scipy.stats import kstest

from ldensf_core.domains import Axis, Box

WIDTH, HEIGHT = 3.0, 2.0


def axis(name, n, low, length, periodic):
    points = low + (np.arange(n) + 0.5) / n * length
    return Axis(name, name, "km", points, low, low + length, periodic)


def box(periodic_x, periodic_y):
    return Box(axis("x", 6, 1.0, WIDTH, periodic_x), axis("y", 4, -5.0, HEIGHT, periodic_y))


@pytest.fixture(params=[(False, False), (True, True), (True, False)])
def domain(request):
    return box(*request.param)


def test_every_grid_point_stands_for_as_much(domain):
    like = torch.zeros(1, dtype=torch.float64)
    assert torch.equal(domain.areas(like), torch.ones(4, 6, dtype=torch.float64))


def test_random_positions_are_uniform_and_follow_their_seed(domain):
    positions = domain.random_positions(2000, seed=3)
    assert positions.shape == (2000, 2)
    for column, start, length in ((0, 1.0, WIDTH), (1, -5.0, HEIGHT)):
        assert kstest((positions[:, column] - start) / length, "uniform").pvalue > 0.01
    assert np.array_equal(positions, domain.random_positions(2000, seed=3))
    assert not np.isclose(positions, domain.random_positions(2000, seed=4)).any()


def test_distances_are_to_the_nearest_image(domain):
    """Of the nine that a place has, those across walls left out."""
    a, b = (torch.as_tensor(domain.random_positions(40, seed)) for seed in (1, 2))
    shifts = [
        torch.tensor([-length, 0.0, length] if axis.periodic else [0.0], dtype=a.dtype)
        for axis, length in ((domain.x, WIDTH), (domain.y, HEIGHT))
    ]
    images = torch.cartesian_prod(*shifts)
    n = len(images)
    nearest = torch.cdist(a, (b[:, None] + images).flatten(0, 1)).unflatten(1, (40, n)).amin(-1)
    torch.testing.assert_close(domain.distances(a, b), nearest)


def test_distances_across_the_seam_and_between_walls():
    edges = torch.tensor([[1.1, -4.0]]), torch.tensor([[3.8, -4.0]])
    assert box(True, False).distances(*edges).item() == pytest.approx(0.3, abs=1e-6)
    assert box(False, True).distances(*edges).item() == pytest.approx(2.7, abs=1e-6)


def test_short_ways_are_straight_where_places_are_embedded(domain):
    here = domain.random_positions(50, seed=5)
    there = here + 1e-3 * np.array([0.6, 0.8])
    ways = domain.embedded(there) - domain.embedded(here)
    assert ways.shape[1] == 2 + domain.x.periodic + domain.y.periodic
    np.testing.assert_allclose(np.linalg.norm(ways, axis=1), 1e-3, rtol=1e-5)


def test_the_bounds_of_a_periodic_axis_are_one_place():
    one = box(True, True)
    ends = one.embedded(np.array([[1.0, -5.0], [1.0 + WIDTH, -5.0 + HEIGHT]]))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-12)
