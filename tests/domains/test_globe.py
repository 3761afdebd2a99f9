import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from ldensf_core.domains import Axis, Globe


def make(n_lon, n_lat, west=0.0, east=360.0, south=-90.0, north=90.0):
    x = west + (np.arange(n_lon) + 0.5) / n_lon * (east - west)
    y = south + (np.arange(n_lat) + 0.5) / n_lat * (north - south)
    return Globe(
        Axis("x", "longitude", "°E", x, west, east, periodic=east - west == 360),
        Axis("y", "latitude", "°N", y, south, north),
    )


@pytest.fixture(scope="module")
def globe():
    return make(512, 256)


def test_area_weights(globe):
    area = globe.areas(torch.zeros(1, dtype=torch.float64))
    assert area.shape == globe.grid_shape and area.dtype == torch.float64
    assert area.mean().item() == pytest.approx(1.0, abs=1e-12)
    sine = torch.sin(torch.deg2rad(torch.as_tensor(globe.y.points)))[:, None]
    assert (area * sine**2).mean().item() == pytest.approx(1 / 3, abs=1e-4)
    assert (area[:, :1] == area).all() and (area > 0).all()


def test_random_positions_are_uniform_over_the_area(globe):
    positions = globe.random_positions(5000, seed=4)
    assert positions.shape == (5000, 2)
    for axis, column in zip((globe.x, globe.y), positions.T, strict=True):
        assert (column >= axis.low).all() and (column <= axis.high).all()
    longitude, latitude = positions.T
    for unit in (longitude / 360, (np.sin(np.radians(latitude)) + 1) / 2):
        assert kstest(unit, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(longitude, latitude)[0, 1]) < 4 / 5000**0.5
    assert kstest((latitude + 90) / 180, "uniform").pvalue < 1e-6  # the test would notice


def test_distances_are_great_circles(globe):
    """Across the seam along the equator, and over the pole."""
    degree = math.pi * 6371.22 / 180  # km
    for here, there, degrees in (
        ([350.0, 0.0], [80.0, 0.0], 90),
        ([359.5, 0.0], [0.5, 0.0], 1),
        ([10.0, 80.0], [190.0, 80.0], 20),
    ):
        distance = globe.distances(*torch.tensor([[here], [there]], dtype=torch.float64))
        assert distance.item() == pytest.approx(degrees * degree, rel=1e-5)


def test_distances_are_the_angles_between_places(globe):
    """Opposite ends of the globe and the same place included."""
    a, b = (torch.as_tensor(globe.random_positions(50, seed)) for seed in (1, 2))
    a = torch.cat([a, torch.tensor([[0.0, 90.0], [30.0, -45.0]])])
    b = torch.cat([b, torch.tensor([[77.0, -90.0], [210.0, 45.0], [390.0 - 360.0, -45.0]])])

    def places(positions):
        east, north = torch.deg2rad(positions).unbind(dim=1)
        flat = torch.stack([east.cos(), east.sin()], dim=1) * north.cos()[:, None]
        return torch.cat([flat, north.sin()[:, None]], dim=1)

    one, other = places(a)[:, None], places(b)
    sine = torch.linalg.cross(one.expand(-1, len(b), -1), other.expand(len(a), -1, -1)).norm(dim=-1)
    angle = torch.atan2(sine, (one * other).sum(-1))
    torch.testing.assert_close(globe.distances(a, b), 6371.22 * angle, atol=1e-3, rtol=0)


def test_random_positions_follow_their_seed(globe):
    positions = globe.random_positions(50, seed=4)
    assert np.array_equal(positions, globe.random_positions(50, seed=4))
    assert not np.isclose(positions, globe.random_positions(50, seed=5)).any()


def test_positions_in_a_part_of_the_globe_are_uniform_over_its_area():
    part = make(30, 20, 10.0, 40.0, 20.0, 70.0)
    longitude, latitude = part.random_positions(5000, seed=1).T
    low, high = np.sin(np.radians([20.0, 70.0]))
    assert kstest((longitude - 10) / 30, "uniform").pvalue > 0.01
    assert kstest((np.sin(np.radians(latitude)) - low) / (high - low), "uniform").pvalue > 0.01


def test_short_ways_are_straight_where_places_are_embedded(globe):
    here = globe.random_positions(50, seed=5)
    there = here + np.array([0.01, 0.02])
    ways = np.linalg.norm(globe.embedded(there) - globe.embedded(here), axis=1)
    distances = globe.distances(torch.as_tensor(here), torch.as_tensor(there)).diagonal()
    np.testing.assert_allclose(ways, distances, rtol=1e-6)
