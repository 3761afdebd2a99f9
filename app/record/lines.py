"""How the lines of a run are told apart in print: dashes, and markers on some of their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SOLID, DASHED, DOTTED = (), (6, 4), (2, 3)
"""Pixels of line and gap in turn; dotted are lines of what belongs to a filter beside its own."""
MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "hex": "h", "star": "*", "triangle": "^",
    "inverted_triangle": "v", "plus": "P", "cross": (4, 1, 0), "asterisk": (6, 1, 0), "x": "X",
}  # fmt: skip
"""Matplotlib's markers by Bokeh's names; all filled, since it warns of an edge of others."""
MOST_MARKERS = 12
"""On a line, or they would cover its dashes."""


def marker_step(points: int) -> int:
    """From one point of a line that has a marker to the next."""
    return -(-points // MOST_MARKERS)


def linestyle(dash: Sequence[int]) -> Any:
    """Matplotlib's style of a line with these pixels of line and gap, which it scales by width."""
    return (0, tuple(length / 2.5 for length in dash)) if dash else "solid"
