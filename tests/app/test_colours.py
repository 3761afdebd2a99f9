"""Colours of filters can be told apart by everybody."""

from itertools import combinations

import numpy as np
import pytest
from bokeh.core.enums import MarkerType
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb

from ldensf_app.colours import filter_colour, filter_dash, filter_marker
from ldensf_app.setup import DEFAULT_FILTERS
from ldensf_core import FILTERS, register_filter
from ldensf_core.filters import EnSF

VISIONS = ("normal", "deuteranomaly", "protanomaly", "tritanomaly")
APART = 15.0
"""Distance in CAM02-UCS at which two colours are told apart without looking twice."""
AGAIN = "@5"  # the same filter once more


def seen(colour, vision):
    """A colour as somebody sees it, sRGB in 0 to 1; without one kind of cones wholly."""
    if vision == "normal":
        return np.array(to_rgb(colour))
    space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
    return np.clip(cspace_convert(to_rgb(colour), space, "sRGB1"), 0, 1)


def apart(one, other):
    """The distance for those who see it smallest."""
    colours = filter_colour(one), filter_colour(other)
    return min(deltaE(*(seen(c, v) for c in colours), input_space="sRGB1") for v in VISIONS)


def contrast(one, other):
    """As WCAG 2 defines it, from 1 to 21; XYZ of colorspacious goes up to 100."""
    low, high = sorted(cspace_convert(to_rgb(c), "sRGB1", "XYZ100")[1] / 100 for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def further(monkeypatch):
    """Five filters more."""
    list(FILTERS)
    monkeypatch.setattr(FILTERS, "_things", dict(FILTERS._things))
    for i in range(5):
        register_filter(type(f"F{i}", (EnSF,), {"name": f"f{i}"}))


def test_the_default_scene_is_told_apart_by_colour_alone():
    for one, other in combinations(DEFAULT_FILTERS, 2):
        assert apart(one, other) >= APART, (one, other)


def test_all_filters_are_told_apart_with_their_markers_or_dashes():
    for one, other in combinations([*FILTERS, *(n + AGAIN for n in FILTERS)], 2):
        mine, theirs = ((filter_colour(n), filter_marker(n)) for n in (one, other))
        assert mine != theirs, (one, other)
        assert apart(one, other) >= APART or mine[1] != theirs[1], (one, other)
    for one, other in combinations(FILTERS, 2):  # of lines without markers
        assert apart(one, other) >= APART or filter_dash(one) != filter_dash(other), (one, other)


def test_markers_are_such_as_bokeh_draws_and_dashes_are_not_those_of_the_spread():
    assert {filter_marker(n + more) for n in FILTERS for more in ("", AGAIN)} <= set(MarkerType)
    assert all(filter_dash(n) != [5, 4] for n in FILTERS)


def test_all_show_on_the_light_page_and_on_the_dark_one(further):
    for name in [*FILTERS, *(n + AGAIN for n in FILTERS)]:
        for page in ("#ffffff", "#121212"):
            assert contrast(filter_colour(name), page) >= 3.0, (name, page)


def test_once_more_is_the_same_hue_in_another_lightness(further):
    for name in FILTERS:
        own, again = (
            cspace_convert(to_rgb(filter_colour(n)), "sRGB1", "JCh") for n in (name, name + AGAIN)
        )
        turned = abs((own[2] - again[2] + 180) % 360 - 180)
        assert turned < 20 or own[1] < 15, name  # grey has no hue
        assert abs(own[0] - again[0]) > 10, name
        assert filter_marker(name) != filter_marker(name + AGAIN)
    assert filter_marker("ld-ensf@5") not in {filter_marker(n) for n in DEFAULT_FILTERS}


def test_further_filters_have_colours_of_their_own(further):
    assert len({filter_colour(name) for name in FILTERS}) == len(FILTERS)
