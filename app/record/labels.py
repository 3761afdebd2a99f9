"""Colours and titles of the filters of a result, by their labels.

A label is the name of a filter, such as ``ld-ensf``, or of the same filter with another ensemble
size, ``ld-ensf@5``, or any name that a user has given it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ldensf_app.colours import filter_colour
from ldensf_app.labels import AT, full_title
from ldensf_core import FILTERS

NEUTRAL = ("#4b5563", "#a8894f", "#64748b", "#8a5a66", "#3f6b62", "#75706a")
"""Colours of labels that are no filter's name, in the order of the result; then from the start."""


def colours(labels: Iterable[str]) -> dict[str, str]:
    """The colour of each label; a name that is no filter's has a neutral one."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for label in labels:
        if label.partition(AT)[0] in FILTERS:
            found[label] = filter_colour(label)
        else:
            if label not in unknown:
                unknown.append(label)
            found[label] = NEUTRAL[unknown.index(label) % len(NEUTRAL)]
    return found


def title(label: str) -> str:
    """How a filter is called; a label that is no filter's name stays as it is."""
    return full_title(label) if label.partition(AT)[0] in FILTERS else label
