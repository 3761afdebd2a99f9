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


# -- places for sensors -------------------------------------------------------------------


def inside(positions):
    """With the walls, also on a periodic axis."""
    return ((positions >= [1.0, -5.0]) & (positions <= [1.0 + WIDTH, -5.0 + HEIGHT])).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_cluster_fills_a_disc_of_a_fifth_of_the_shorter_side(domain, seed):
    positions = domain.cluster_positions(3000, seed)
    assert inside(positions)
    west, south = positions.min(axis=0)
    east, north = positions.max(axis=0)
    assert east - west == pytest.approx(0.4, rel=0.02) == north - south
    middle = np.array([west + east, south + north]) / 2
    radii = np.linalg.norm(positions - middle, axis=1) / 0.2
    assert radii.max() < 1.02
    assert kstest(radii**2, "uniform").pvalue > 1e-3  # as much in each ring as it has area


def test_clusters_lie_anywhere_in_the_box(domain):
    """Their westernmost and southernmost points: from bound to bound, less the disc."""
    ends = np.array([domain.cluster_positions(500, seed).min(axis=0) for seed in range(300)])
    for column, start, length in ((0, 1.0, WIDTH), (1, -5.0, HEIGHT)):
        assert kstest((ends[:, column] - start) / (length - 0.4), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_straight_and_even_from_bound_to_bound(domain, seed):
    positions = domain.line_positions(9, seed)
    assert inside(positions)
    steps = np.diff(positions, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-12)
    for end in (positions[0] - steps[0] / 2, positions[-1] + steps[0] / 2):
        to_bounds = np.concatenate([end - [1.0, -5.0], [1.0 + WIDTH, -5.0 + HEIGHT] - end])
        assert to_bounds.min() == pytest.approx(0, abs=1e-12)
    assert 9 * np.linalg.norm(steps[0]) > HEIGHT / 2


def test_lines_run_in_every_direction(domain):
    ways = [np.diff(domain.line_positions(2, seed), axis=0)[0] for seed in range(400)]
    heading = np.array([np.arctan2(x, y) for x, y in ways])
    assert kstest((heading + np.pi) / (2 * np.pi), "uniform").pvalue > 0.01


def test_a_half_is_filled_and_any_of_four(domain):
    seen = set()
    for seed in range(40):
        unit = (domain.half_positions(400, seed) - [1.0, -5.0]) / [WIDTH, HEIGHT]
        sides = {
            name
            for name, distance in {
                "west": unit[:, 0],
                "east": 1 - unit[:, 0],
                "south": unit[:, 1],
                "north": 1 - unit[:, 1],
            }.items()
            if distance.max() <= 0.5
        }
        assert len(sides) == 1 and ((unit >= 0) & (unit <= 1)).all()
        across = 0 if sides & {"south", "north"} else 1
        assert kstest(unit[:, across], "uniform").pvalue > 1e-4
        assert kstest(2 * unit[:, 1 - across] % 1, "uniform").pvalue > 1e-4
        seen |= sides
    assert seen == {"west", "east", "south", "north"}
