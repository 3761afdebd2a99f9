"""How the filters of a result are drawn and called, by their labels.

A label is the name of a filter, such as ``ld-ensf``, or of the same filter with another ensemble
size, ``ld-ensf@5``, or any name that a user has given it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ldensf_app.colours import DASHES, MARKERS, Look, look
from ldensf_app.labels import AT, full_title
from ldensf_core import FILTERS

NEUTRAL = ("#4b5563", "#a8894f", "#64748b", "#8a5a66", "#3f6b62", "#75706a")
"""Colours of labels that are no filter's name, in the order of the result; then from the start."""


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """How each label is drawn; a name that is no filter's has a neutral colour."""
    labels = list(dict.fromkeys(labels))
    known = {label for label in labels if label.partition(AT)[0] in FILTERS}
    unknown = [label for label in labels if label not in known]
    return {
        label: look(label, labels) if label in known else _neutral(unknown.index(label))
        for label in labels
    }


def _neutral(place: int) -> Look:
    return Look(*(of[place % len(of)] for of in (NEUTRAL, MARKERS, DASHES)))


def title(label: str) -> str:
    """How a filter is called; a label that is no filter's name stays as it is."""
    return full_title(label) if label.partition(AT)[0] in FILTERS else label
