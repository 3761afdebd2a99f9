"""What tells a filter apart: its colour, its marker and its dashes; and the colour of the truth.

The colours differ for those as well who see two of the three primaries alike, and each keeps a
contrast of 3:1 with the white page and with the dark one, as WCAG 2 asks of graphics. Ten colours
cannot all be far apart within that: markers, and dashes where lines have none, tell the rest.

A filter that runs once more with other members, ``ld-ensf@5``, has the hue of ``ld-ensf`` in
another lightness, another marker and another dash; and so has each further one, ``ld-ensf@50``, but
for the lightness, which is that of the second.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from ldensf_core import FILTERS

COLOURS = (
    *("#0090d8", "#007864", "#b42484", "#5448f0", "#90543c", "#d87800", "#00a824", "#fc3c84"),
    "#606c00",
)
"""Of filters that correct, in the order of the registry; further ones have hues between these."""
UNCORRECTED = "#90909c"
MARKERS = (
    *("circle", "square", "diamond", "hex", "star", "triangle", "inverted_triangle", "plus"),
    *("cross", "asterisk", "x"),
)
"""Bokeh's names, in the order of ``COLOURS``; of filters that do not correct from the end on."""
SOLID, LONG, DASH_DOT = (), (12, 4), (12, 4, 3, 4)
DASHES = (SOLID, SOLID, DASH_DOT, LONG, LONG, SOLID, LONG, LONG, DASH_DOT)
"""Pixels of line and gap in turn, in the order of ``COLOURS``, and from the start again: no two
filters whose colours are close have the same. Filters that do not correct have solid lines."""
ONCE_MORE = 4
"""Markers from a filter's own to that of the same filter once more, and on to each further one."""
SHORT, WIDE, DASH_DOT_DOT = (6, 3), (10, 8), (14, 3, 3, 3, 3, 3)
DASHES_AGAIN = (SHORT, WIDE, DASH_DOT_DOT)
"""Of filters once more, from one to the next, and from the start again."""
FIRST_AGAIN = (0, 0, 1, 1, 2, 0, 1, 2, 1)
"""Which of these is the first of a filter, in the order of ``COLOURS``, and from the start again:
no two filters whose colours once more are close have the same. Of filters that do not correct it is
the first."""
GOLDEN = 0.618034
"""Share of the way round the hues, from one to the next, that never comes close to an old one."""
LUMINANCE = 0.125, 0.29
"""The least and the largest, relative to white, at which graphics show on both pages."""
TRUTH_COLOUR = "#111827"
MISSING = "#eef1f4"
"""Of a map that has no values."""


class Look(NamedTuple):
    """How a filter is drawn.

    Attributes:
        marker: as Bokeh calls it.
        dash: pixels of line and gap in turn; empty for a solid line.
    """

    colour: str
    marker: str
    dash: tuple[int, ...]


def look(label: str, labels: Iterable[str] = ()) -> Look:
    """How the filter with a label is drawn.

    Args:
        labels: all of the run: of several ensemble sizes of one filter each looks otherwise.
    """
    return Look(filter_colour(label), filter_marker(label, labels), filter_dash(label, labels))


def filter_colour(name: str) -> str:
    """The colour of a filter: its own, or grey where it does not correct.

    Of one that runs once more it is lighter where its own is dark, darker where that is light.
    """
    filter_, once_more, _ = name.partition("@")
    place = _place(filter_)
    if place < 0:
        colour = UNCORRECTED
    elif place < len(COLOURS):
        colour = COLOURS[place]
    else:
        hue = GOLDEN * (place - len(COLOURS)) % 1
        colour = _lit(to_hex(colorsys.hsv_to_rgb(hue, 0.75, 0.7)), sum(LUMINANCE) / 2)
    if not once_more:
        return colour
    return _lit(colour, max(LUMINANCE, key=lambda end: abs(np.log(end / luminance(colour)))))


def filter_marker(label: str, labels: Iterable[str] = ()) -> str:
    """The marker of a filter, as Bokeh calls it; ``labels`` are all of the run."""
    place = _place(label.partition("@")[0]) + ONCE_MORE * _run_of(label, labels)
    return MARKERS[place % len(MARKERS)]


def filter_dash(label: str, labels: Iterable[str] = ()) -> tuple[int, ...]:
    """Pixels of line and gap in turn in a filter's line; none for a solid one."""
    place, run = _place(label.partition("@")[0]), _run_of(label, labels)
    if not run:
        return DASHES[place % len(DASHES)] if place >= 0 else SOLID
    first = FIRST_AGAIN[place % len(FIRST_AGAIN)] if place >= 0 else 0
    return DASHES_AGAIN[(first + run - 1) % len(DASHES_AGAIN)]


def _run_of(label: str, labels: Iterable[str]) -> int:
    """0 for a filter itself, 1, 2, … for the same with other members, in the order of ``labels``.

    1 if ``labels`` do not say.
    """
    filter_, once_more, _ = label.partition("@")
    if not once_more:
        return 0
    again = [other for other in labels if other.startswith(f"{filter_}@")]
    return 1 + (again.index(label) if label in again else 0)


def _place(filter_: str) -> int:
    """Of a filter among those that correct, from 0 on; of others from -1 backwards."""
    corrects = FILTERS[filter_].corrects
    place = [name for name, of in FILTERS.items() if of.corrects == corrects].index(filter_)
    return place if corrects else -1 - place


def luminance(colour: str) -> float:
    """Relative luminance of a colour as WCAG 2 defines it, 0 for black and 1 for white."""
    return float(_linear(colour) @ (0.2126, 0.7152, 0.0722))


@cache
def _lit(colour: str, wanted: float) -> str:
    """A colour of the same hue with the luminance ``wanted``: darkened, or mixed with white."""
    linear, given = _linear(colour), luminance(colour)
    if given > wanted:
        linear *= wanted / given
    else:
        linear += (1 - linear) * (wanted - given) / (1 - given)
    low = linear <= 0.0031308
    return to_hex(np.where(low, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def _linear(colour: str) -> np.ndarray:
    """Red, green and blue in proportion to light, (3,), of sRGB."""
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
