"""Colours of filters can be told apart by everybody."""

from itertools import combinations

import numpy as np
import pytest
from bokeh.core.enums import MarkerType
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb

from ldensf_app.colours import filter_colour, filter_dash, filter_marker, look
from ldensf_app.curves import LEVEL_DASH, SPREAD_DASH
from ldensf_app.setup import DEFAULT_FILTERS
from ldensf_core import FILTERS, register_filter
from ldensf_core.filters import EnSF

VISIONS = ("normal", "deuteranomaly", "protanomaly", "tritanomaly")
APART = 15.0
"""Distance in CAM02-UCS at which two colours are told apart without looking twice."""
AGAIN, FURTHER = "@5", "@50"  # the same filter once more, and once more again


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
        mine, theirs = look(one), look(other)
        assert apart(one, other) >= APART or mine.marker != theirs.marker, (one, other)
        # of lines without markers
        assert apart(one, other) >= APART or mine.dash != theirs.dash, (one, other)


def test_all_ensemble_sizes_of_all_filters_are_told_apart():
    """Three sizes of each filter, all in one chart: those of a filter by marker and dash alike."""
    labels = [name + size for name in FILTERS for size in ("", AGAIN, FURTHER)]
    for one, other in combinations(labels, 2):
        mine, theirs = look(one, labels), look(other, labels)
        if one.partition("@")[0] == other.partition("@")[0]:
            assert mine.marker != theirs.marker and mine.dash != theirs.dash, (one, other)
        elif apart(one, other) < APART:
            assert (mine.marker, mine.dash) != (theirs.marker, theirs.dash), (one, other)


def test_a_further_size_is_told_from_the_one_before_it_and_alone_it_is_the_second():
    labels = ["ld-ensf@5", "ld-ensf@50"]
    assert look("ld-ensf@5", labels)[1:] != look("ld-ensf@50", labels)[1:]
    assert look("ld-ensf@50") == look("ld-ensf@50", labels[1:]) == look("ld-ensf@5", labels)


def test_markers_are_such_as_bokeh_draws_and_dashes_are_not_those_of_the_spread():
    labels = [name + size for name in FILTERS for size in ("", AGAIN, FURTHER)]
    assert {filter_marker(label, labels) for label in labels} <= set(MarkerType)
    assert not {SPREAD_DASH, LEVEL_DASH} & {filter_dash(label, labels) for label in labels}


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
