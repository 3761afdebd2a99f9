"""Sensors by a stroke: where they stand, and that they stand in the domain."""

import numpy as np
import pytest

from ldensf_app.brushes import BRUSHES, brush
from ldensf_core import SensorNetwork, get_benchmark

TSUNAMI = get_benchmark("tsunami")  # 1000 km × 1000 km


def drawn(tool, n, start, end, seed=7):
    return np.array(brush(TSUNAMI, tool, n, start, end, seed))


def test_a_line_goes_from_one_end_to_the_other_in_equal_steps():
    line = drawn("line", 5, (100.0, 200.0), (500.0, 0.0))
    assert line.tolist() == [[100, 200], [200, 150], [300, 100], [400, 50], [500, 0]]


def test_a_grid_fills_the_rectangle_whichever_corner_comes_first():
    grid = drawn("grid", 8, (100.0, 100.0), (500.0, 300.0))
    assert len(grid) == 8
    assert np.unique(grid[:, 0]).tolist() == [150, 250, 350, 450]
    assert np.unique(grid[:, 1]).tolist() == [150, 250]
    assert np.array_equal(grid, drawn("grid", 8, (500.0, 300.0), (100.0, 100.0)))


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("end", [(900.0, 110.0), (101.0, 900.0), (900.0, 100.0)])
def test_a_grid_has_no_more_than_were_asked_for_and_none_twice(n, end):
    grid = drawn("grid", n, (100.0, 100.0), end)
    assert n / 2 < len(grid) <= n and len(np.unique(grid, axis=0)) == len(grid)


def test_random_ones_fill_the_rectangle_and_follow_the_seed():
    places = drawn("random", 400, (700.0, 300.0), (100.0, 500.0))
    assert places.shape == (400, 2)
    assert places.min(axis=0) == pytest.approx([100, 300], abs=8)
    assert places.max(axis=0) == pytest.approx([700, 500], abs=8)
    assert places.mean(axis=0) == pytest.approx([400, 400], abs=30)
    assert np.array_equal(places, drawn("random", 400, (700.0, 300.0), (100.0, 500.0)))
    other = drawn("random", 400, (700.0, 300.0), (100.0, 500.0), seed=8)
    assert not np.array_equal(places, other)


def test_a_cluster_fills_a_disc_evenly():
    places = drawn("cluster", 1000, (500.0, 500.0), (500.0, 600.0))
    radius = np.hypot(*(places - 500).T)
    assert radius.max() <= 100 + 1e-9
    assert (radius < 50).mean() == pytest.approx(0.25, abs=0.05)  # a quarter of the area


@pytest.mark.parametrize("tool", BRUSHES)
def test_all_stand_in_the_domain(tool):
    places = brush(TSUNAMI, tool, 50, (950.0, 20.0), (1100.0, -80.0), 7)
    network = SensorNetwork.at(TSUNAMI, places)  # refuses what lies outside
    assert 25 < len(network) <= 50
    assert network.positions.min() >= 0 and network.positions.max() <= 1000


@pytest.mark.parametrize(
    ("tool", "start", "end", "message"),
    [
        ("spray", (0, 0), (1, 1), "'spray' is unknown; there are grid, random, line, cluster"),
        ("grid", (5, 5), (5, 5), "no extent"),
        ("line", (5, 5), (float("nan"), 5), "no extent"),
        ("random", (5, 5), (float("inf"), 5), "no extent"),
    ],
)
def test_other_strokes_are_refused(tool, start, end, message):
    with pytest.raises(ValueError, match=message):
        brush(TSUNAMI, tool, 4, start, end, 7)
