"""Colours and titles of the filters of a result, by their labels.

A label is the name of a filter, such as ``ld-ensf``, or of the same filter with another ensemble
size, ``ld-ensf@5``, or any name that a user has given it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from ldensf_app import setup
from ldensf_app.colours import filter_colour
from ldensf_core import FILTERS

NEUTRAL = ("#4b5563", "#a8894f", "#64748b", "#8a5a66", "#3f6b62", "#75706a")
"""Colours of labels that are no filter's name, in the order of the result; then from the start."""
LIGHTER = (0.4, 0.6, 0.75)
"""Share of white in the colour of the same filter with other ensemble sizes, in turn."""


def colours(labels: Iterable[str]) -> dict[str, str]:
    """The colour of each label.

    ``ld-ensf@5`` has that of ``ld-ensf``, lightened; a name that is no filter's has a neutral one.
    """
    found: dict[str, str] = {}
    unknown: list[str] = []
    lightened: dict[str, int] = {}
    for label in labels:
        base, size, _ = label.partition("@")
        if base in FILTERS:
            colour = filter_colour(base)
        else:
            if base not in unknown:
                unknown.append(base)
            colour = NEUTRAL[unknown.index(base) % len(NEUTRAL)]
        if size:
            turn = lightened[base] = lightened.get(base, -1) + 1
            colour = _lightened(colour, LIGHTER[turn % len(LIGHTER)])
        found[label] = colour
    return found


def _lightened(colour: str, white: float) -> str:
    return to_hex(white + (1 - white) * np.array(to_rgb(colour)))


def title(label: str) -> str:
    """How a filter is called; a label that is no filter's name stays as it is."""
    base, _, members = label.partition("@")
    if base not in FILTERS:
        return label
    name = setup.label(base)
    return f"{name}, {members} members" if members else name
