import math

import numpy as np
import pytest

from ldensf_app import units
from ldensf_core import get_benchmark


def test_a_pure_number_has_no_unit():
    assert units.unit("1") == "" and units.unit("km") == " km" and units.unit("10°") == " × 10°"
    assert units.named("u", "1") == "u" and units.named("h", "m") == "h (m)"


@pytest.mark.parametrize(
    ("scale", "digits"), [(0.0133, 4), (0.058, 4), (1.15, 2), (22.0, 1), (700.0, 0), (5e4, 0)]
)
def test_three_digits_are_shown(scale, digits):
    assert units.decimals(scale) == digits


@pytest.mark.parametrize(
    ("name", "aspect"), [("tsunami", 1.0), ("kolmogorov", 1.0), ("atmosphere", 2.0)]
)
def test_proportions(name, aspect):
    assert units.aspect(get_benchmark(name)) == pytest.approx(aspect)


def test_ticks_of_a_map_of_the_globe():
    benchmark = get_benchmark("atmosphere")
    assert units.ticks(benchmark.x) == {
        0: "0°", 60: "60°E", 120: "120°E", 180: "180°", 240: "120°W", 300: "60°W", 360: "0°",
    }  # fmt: skip
    assert units.ticks(benchmark.y) == {-60: "60°S", -30: "30°S", 0: "0°", 30: "30°N", 60: "60°N"}


def test_ticks_of_a_period_are_parts_of_pi():
    ticks = units.ticks(get_benchmark("kolmogorov").x)
    assert list(ticks.values()) == ["0", "π/2", "π", "3π/2", "2π"]
    assert list(ticks) == pytest.approx(np.linspace(0, 2 * math.pi, 5))


def test_the_last_tick_in_a_basin_gives_the_unit():
    ticks = units.ticks(get_benchmark("tsunami").x)
    assert list(ticks) == [0, 200, 400, 600, 800, 1000]
    assert list(ticks.values()) == ["0", "200", "400", "600", "800", "km"]


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [("tsunami", 4, "0.95 h"), ("kolmogorov", 3, "4.60"), ("atmosphere", 12, "day 14.5")],
)
def test_moments(name, index, text):
    assert units.moment(get_benchmark(name), index) == text


@pytest.mark.parametrize(
    ("name", "snapshots", "text"),
    [
        ("tsunami", 1, "14 min"),
        ("tsunami", 10, "142 min"),
        ("kolmogorov", 1, "0.2"),
        ("kolmogorov", 3, "0.6"),
        ("atmosphere", 2, "16 h"),
    ],
)
def test_intervals(name, snapshots, text):
    assert units.interval(get_benchmark(name), snapshots) == text


@pytest.mark.parametrize(
    ("name", "label", "first"),
    [
        ("tsunami", "model time (h)", 0.0),
        ("kolmogorov", "model time", 4.0),
        ("atmosphere", "model time (days)", 10.5),
    ],
)
def test_time_axes(name, label, first):
    times, text = units.time_axis(get_benchmark(name))
    assert text == label and times[0] == pytest.approx(first)
    assert len(times) == get_benchmark(name).n_times


def test_time_before_the_first_snapshot():
    texts = [units.spin_up(get_benchmark(n)) for n in ("tsunami", "kolmogorov", "atmosphere")]
    assert texts == ["", "4 time units", "252 h"]
