"""The component that draws maps: what it gets to know of a benchmark, and what it hears."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ldensf_app import layout, style
from ldensf_app.board import PALETTES, PANELS, Board, axis
from ldensf_app.board.ground import CONTOURS, GRATICULE, RELIEF, ground
from ldensf_app.scene import Scene, first_shown
from ldensf_core import get_benchmark

NAMES = ("tsunami", "kolmogorov", "atmosphere")


@pytest.fixture
def heard():
    return []


@pytest.fixture
def board(heard):
    return Board(lambda name, value: heard.append((name, value)))


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("tsunami", (0, 1000, " km"), (0, 1000, " km")),
        ("kolmogorov", (0, 2 * math.pi, ""), (0, 2 * math.pi, "")),
        ("atmosphere", (0, 360, " °E"), (-90, 90, " °N")),
    ],
)
def test_axes_span_the_domain_in_its_units(name, x, y):
    benchmark = get_benchmark(name)
    for of, expected in ((benchmark.x, x), (benchmark.y, y)):
        found = axis(of)
        assert (found["low"], found["high"], found["suffix"]) == pytest.approx(expected)


def test_ticks_are_written_as_on_maps_of_the_domain():
    tsunami, kolmogorov, atmosphere = (dict(axis(get_benchmark(n).y)["ticks"]) for n in NAMES)
    assert tsunami == {0: "0", 200: "200", 400: "400", 600: "600", 800: "800", 1000: "km"}
    assert list(kolmogorov.values()) == ["0", "π/2", "π", "3π/2", "2π"]
    assert list(kolmogorov) == pytest.approx([k * math.pi / 2 for k in range(5)])
    assert atmosphere[-60.0] == "60°S" and atmosphere[0.0] == "0°" and atmosphere[30.0] == "30°N"


def test_places_are_told_with_three_digits_and_degrees_whole():
    assert [axis(get_benchmark(n).x)["digits"] for n in NAMES] == [0, 2, 0]


def test_a_plane_without_mountains_has_no_lines():
    assert ground(get_benchmark("tsunami")) == ground(get_benchmark("kolmogorov")) == []


def test_a_globe_has_a_graticule_within_its_bounds():
    atmosphere = get_benchmark("atmosphere")
    lines = [np.array(of["points"]) for of in ground(atmosphere) if of["colour"] == GRATICULE]
    meridians = [of for of in lines if np.ptp(of[:, 0]) == 0]
    parallels = [of for of in lines if np.ptp(of[:, 1]) == 0]
    assert [of[0, 0] for of in meridians] == list(range(30, 360, 30))
    assert all(of[:, 1].tolist() == [-90, 90] for of in meridians)
    assert [of[0, 1] for of in parallels] == [-60, -30, 0, 30, 60]
    assert len(meridians) + len(parallels) == len(lines)


def test_mountains_have_contours_at_shares_of_their_height():
    """On a cone, whose contours are circles of known radius."""
    points = np.linspace(-10.0, 10.0, 201)
    height = np.clip(8 - np.hypot(points, points[:, None]), 0, None)
    line = SimpleNamespace(points=points, units="km", low=-10.0, high=10.0)
    lines = ground(SimpleNamespace(x=line, y=line, relief=lambda: height))
    assert [of["colour"] for of in lines] == [RELIEF] * len(CONTOURS)
    for of, share in zip(lines, CONTOURS, strict=True):
        radius = np.hypot(*np.array(of["points"]).T)
        assert radius == pytest.approx(8 * (1 - share), abs=0.02)


def test_it_takes_the_words_of_a_benchmark(board):
    board.describe(get_benchmark("atmosphere"))
    assert board.domain["x"]["high"] == 360 and board.domain["y"]["low"] == -90
    assert board.domain["lines"] and board.variables[0] == "h (m)"
    board.describe(get_benchmark("kolmogorov"))  # nothing of the globe is left
    assert board.domain["lines"] == [] and board.variables == ["u", "v"]
    assert board.domain["x"]["units"] == "1"


def test_sensors_are_sent_as_numbers_in_a_row(board):
    board.place(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([False, True]))
    assert board.sensors["positions"].tolist() == [1, 2, 3, 4]
    assert board.sensors["positions"].dtype == np.float32
    assert board.sensors["silent"].tolist() == [0, 1]
    board.place(np.array([[5.0, 6.0]]), None)
    assert board.sensors["positions"].tolist() == [5, 6]
    assert board.sensors["silent"].tolist() == [0]


def test_what_the_browser_says_is_heard_by_name(board, heard):
    board._handle_msg({"shown": 3})
    board._handle_msg({"point": [1.0, 2.0], "drawn": 5})
    assert heard == [("shown", 3), ("point", [1.0, 2.0]), ("drawn", 5)]


def test_it_has_colours_for_every_scale_and_all_its_parts(board):
    assert set(board.palettes) == set(PALETTES) == set(Scene(print).scales.limits)
    assert all(len(colours) == 256 for colours in board.palettes.values())
    assert len(board.views) == PANELS
    for what in ("export function render", "class Board", "class Panel", "function listen("):
        assert Board._esm.count(what) == 1


def test_the_variable_that_shows_most_comes_first():
    found = map(get_benchmark, NAMES)
    assert [b.variables[first_shown(b)].name for b in found] == ["eta", "v", "h"]


def test_a_variable_that_is_not_there_changes_nothing():
    scene = Scene(print)
    scene.describe(get_benchmark("tsunami"), 2)
    with pytest.raises(IndexError):
        scene.describe(get_benchmark("kolmogorov"), 2)
    assert scene.benchmark is get_benchmark("tsunami") and scene.variable == 2
    assert scene.board.variables[2] == "η (m)"


# -- where it stands ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "aspect", "wide"), [("tsunami", 1, False), ("atmosphere", 2, True)]
)
def test_the_page_takes_the_proportions_of_the_domain(name, aspect, wide):
    main = layout.MainArea(Scene(print), [layout.html()], [], layout.html())
    main.arrange(get_benchmark(name))
    styles = main._board.styles
    assert float(styles["--aspect"]) == aspect
    in_a_row = styles["--curves"].startswith("minmax(0, 1fr) / ")
    assert in_a_row == wide


@pytest.mark.parametrize("name", ["--board", "--maps", "--curves", "--map-height"])
def test_narrow_windows_have_the_curves_below_as_wide_maps_do(name):
    beside, below = (style.arrangement(aspect)[name] for aspect in (1.0, 2.0))
    assert beside != below
    narrow = style.STYLESHEETS["board"].splitlines()[1]
    assert narrow.startswith("@container") and f"{name}: {below} !important;" in narrow
