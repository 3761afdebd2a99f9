"""Which filter a label means, and how it is called.

A label is a filter's name, or the name, ``@`` and an ensemble size: the same filter once more with
that many members, to be compared with the first.
"""

from __future__ import annotations

from ldensf_core import FILTERS
from ldensf_core.filters import KINDS, Filter

LATENT, FULL_SPACE = KINDS
AT = "@"


def name_of(label: str) -> str:
    """The name of the filter that a label means."""
    return label.partition(AT)[0]


def filter_of(label: str) -> type[Filter]:
    """The class that a label means."""
    return FILTERS[name_of(label)]


def members_of(label: str) -> int | None:
    """The ensemble size that a label says, if it says one."""
    size = label.partition(AT)[2]
    return int(size) if size else None


def title(label: str) -> str:
    """How a filter is called, such as "LD-EnSF" or "LD-EnSF, 5 members"."""
    size = members_of(label)
    return filter_of(label).title + (f", {size} members" if size else "")


def full_title(label: str) -> str:
    """The same where it matters that a filter runs the solver."""
    return title(label) + (" (full space)" if filter_of(label).kind == FULL_SPACE else "")
