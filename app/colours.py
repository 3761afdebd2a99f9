"""What tells a filter apart: its colour, its marker and its dashes; and the colour of the truth.

The colours differ for those as well who see two of the three primaries alike, and each keeps a
contrast of 3:1 with the white page and with the dark one, as WCAG 2 asks of graphics. So many
cannot all be far apart within that: markers, and dashes where lines have none, tell the rest.

A filter that runs once more with other members, ``ld-ensf@5``, has the hue of ``ld-ensf``.
"""

from __future__ import annotations

import colorsys
from functools import cache

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
"""Markers between a filter's own and that of the same filter once more."""
GOLDEN = 0.618034
"""Share of the way round the hues, from one to the next, that never comes close to an old one."""
LUMINANCE = 0.125, 0.29
"""The least and the largest, relative to white, at which graphics show on both pages."""
TRUTH_COLOUR = "#111827"
MISSING = "#eef1f4"
"""Of a map that has no values."""


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


def filter_marker(name: str) -> str:
    """The marker of a filter, as Bokeh calls it."""
    filter_, once_more, _ = name.partition("@")
    return MARKERS[(_place(filter_) + (ONCE_MORE if once_more else 0)) % len(MARKERS)]


def filter_dash(name: str) -> list[int]:
    """Pixels of line and gap in turn in a filter's line; none for a solid one."""
    place = _place(name.partition("@")[0])
    return list(DASHES[place % len(DASHES)] if place >= 0 else SOLID)


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
