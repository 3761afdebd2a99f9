"""The colour of each filter, and of the truth."""

from __future__ import annotations

import colorsys

from matplotlib.colors import to_hex

from ldensf_core import FILTERS

COLOURS = (
    *("#1a7fc1", "#0f9488", "#d858b4", "#7a5bd0", "#5c4a3d", "#d9600a", "#4d8f1e", "#c2255c"),
    *("#b08900", "#2f4b9b", "#6fb3d9", "#98241a"),
)
"""Of filters that correct, in the order of the registry; further ones have hues between these."""
UNCORRECTED = "#8a8f98"
GOLDEN = 0.618034
"""Share of the way round the hues, from one to the next, that never comes close to an old one."""
TRUTH_COLOUR = "#111827"


def filter_colour(name: str) -> str:
    """The colour of a filter: its own, or grey where it does not correct."""
    if not FILTERS[name].corrects:
        return UNCORRECTED
    place = [other for other, of in FILTERS.items() if of.corrects].index(name)
    if place < len(COLOURS):
        return COLOURS[place]
    return to_hex(colorsys.hsv_to_rgb(GOLDEN * (place - len(COLOURS)) % 1, 0.75, 0.7))
