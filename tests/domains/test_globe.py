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


# -- places for sensors -------------------------------------------------------------------

PARTS = {
    "whole": {},
    "from −180": {"west": -180.0, "east": 180.0},
    "band": {"south": -60.0, "north": 70.0},
    "northern cap": {"south": 50.0},
    "wedge": {"west": 10.0, "east": 50.0, "south": -90.0},
    "Europe": {"west": -20.0, "east": 40.0, "south": 30.0, "north": 75.0},
    "bay": {"west": 3.0, "east": 3.2, "south": 54.0, "north": 54.1},
}


@pytest.fixture(params=PARTS)
def part(request):
    return make(64, 32, **PARTS[request.param])


def in_space(positions):
    """Unit vectors, (n, 3)."""
    east, north = np.radians(positions).T
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], 1)


def inside(part, positions):
    x, y = positions.T
    return ((x >= part.x.low) & (x <= part.x.high) & (y >= part.y.low) & (y <= part.y.high)).all()


def fifth(part):
    """Of the shorter side, which may be the middle parallel, in rad."""
    middle = np.cos(np.radians((part.y.low + part.y.high) / 2))
    return np.radians(min(part.y.high - part.y.low, (part.x.high - part.x.low) * middle)) / 5


@pytest.mark.parametrize("seed", range(10))
def test_a_cluster_fills_a_cap_inside(part, seed):
    positions = part.cluster_positions(4000, seed)
    assert inside(part, positions)
    places = in_space(positions)
    middle = places.mean(axis=0)
    middle /= np.linalg.norm(middle)
    chord = np.linalg.norm(places - middle, axis=1)  # a cap's area goes with its square
    share = (chord / (2 * np.sin(fifth(part) / 4))) ** 2
    assert share.max() == pytest.approx(1, abs=0.06)
    assert kstest(share, "uniform").pvalue > 1e-3


def test_caps_cover_a_pole_of_the_domain_and_keep_off_other_bounds():
    def latitudes(part):
        means = [in_space(part.cluster_positions(500, seed)).mean(axis=0) for seed in range(300)]
        return np.degrees([np.arcsin(z / np.hypot(np.hypot(x, y), z)) for x, y, z in means])

    # Of places on a sphere, a share 1 − cos 18° is within 18° of a pole: of 300, about 15.
    assert 5 <= (np.abs(latitudes(make(64, 32))) > 72).sum() <= 30
    band = make(64, 32, south=-61.0, north=89.0)
    assert -61 + 13.5 < latitudes(band).min() < latitudes(band).max() < 89 - 13.5


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_an_even_great_circle(part, seed):
    positions = part.line_positions(12, seed)
    assert inside(part, positions)
    places = in_space(positions)
    normal = np.linalg.svd(places)[2][-1]
    assert np.abs(places @ normal).max() < 1e-7
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    if np.isclose(12 * 2 * np.arcsin(steps[0] / 2), 2 * np.pi):
        assert np.linalg.norm(places[-1] - places[0]) == pytest.approx(steps[0])
        return
    # Half a step beyond the ends is a bound, to a thousandth of the domain's size.
    size = np.hypot(part.x.high - part.x.low, part.y.high - part.y.low)
    half = np.arcsin(steps[0] / 2)
    for end, before in ((places[0], places[1]), (places[-1], places[-2])):
        onward = end * (end @ before) - before
        x, y, z = np.cos(half) * end + np.sin(half) * onward / np.linalg.norm(onward)
        north, parallel = np.degrees(np.arcsin(z)), np.hypot(x, y)
        to_bounds = [part.y.high - north, north - part.y.low]
        if not part.x.periodic:
            east = part.x.low + (np.degrees(np.arctan2(y, x)) - part.x.low) % 360
            to_bounds += [parallel * (part.x.high - east), parallel * (east - part.x.low)]
        assert -1e-9 <= min(to_bounds) <= 1.01e-3 * size


@pytest.mark.parametrize("seed", range(20))
def test_a_line_goes_once_round_the_whole_globe(globe, seed):
    places = in_space(globe.line_positions(12, seed))
    assert np.linalg.norm(places.mean(axis=0)) < 1e-9
    assert np.degrees(np.arccos(places[0] @ places[1])) == pytest.approx(30)


def test_a_half_is_half_of_the_area_and_any_of_four(part):
    seen = set()
    south, north = np.sin(np.radians([part.y.low, part.y.high]))
    for seed in range(40):
        positions = part.half_positions(400, seed)
        assert inside(part, positions)
        east = (positions[:, 0] - part.x.low) / (part.x.high - part.x.low)
        up = (np.sin(np.radians(positions[:, 1])) - south) / (north - south)
        sides = {"west": east, "east": 1 - east, "south": up, "north": 1 - up}
        (side,) = (name for name, distance in sides.items() if distance.max() <= 0.5 + 1e-9)
        other = up if side in ("west", "east") else east
        assert kstest(other, "uniform").pvalue > 1e-4
        assert kstest(2 * sides[side], "uniform").pvalue > 1e-4
        seen.add(side)
    assert seen == {"west", "east", "south", "north"}
