"""What the figures share: colours of the filters as in the app, and marks that need no colour."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ldensf_app.colours import filter_colour
from ldensf_app.labels import full_title
from ldensf_core import FILTERS

DASHES = ("-", "--", "-.", ":")
_MARKS = [
    ("o", "-"), ("s", "--"), ("^", "-."), ("*", ":"), ("D", "-"), ("p", "--"), ("v", "--"),
    ("P", "-."), ("X", ":"),
]  # fmt: skip
"""Of filters in the order of the registry; further ones have these markers and other dashes."""

PANEL = (4.3, 3.1)
"""Inches, width and height of one panel."""
DOTS = 90  # an inch

plt.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def mark(name: str) -> tuple[str, str]:
    """Marker and dashes of a filter, to tell it apart in greyscale."""
    turn, place = divmod(list(FILTERS).index(name), len(_MARKS))
    marker, dashes = _MARKS[place]
    return marker, DASHES[(DASHES.index(dashes) + turn) % len(DASHES)]


def line(name: str) -> dict[str, object]:
    """How a filter's line is drawn."""
    marker, dashes = mark(name)
    return {
        "color": filter_colour(name),
        "label": full_title(name),
        "marker": marker,
        "linestyle": dashes,
        "linewidth": 1.6,
        "markersize": 6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def panels(rows: int, columns: int, size: tuple[float, float] = PANEL, **options: object):
    """A figure with its panels, (rows, columns)."""
    return plt.subplots(
        rows,
        columns,
        figsize=(size[0] * columns, size[1] * rows),
        squeeze=False,
        layout="constrained",
        **options,
    )


def legend(figure: Figure, axes: np.ndarray) -> None:
    """One legend below all panels, of whatever is in any of them."""
    found = {}
    for panel in axes.flat:
        handles, labels = panel.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    order = [full_title(name) for name in FILTERS]
    labels = sorted(found, key=lambda text: order.index(text) if text in order else len(order))
    figure.legend(
        [found[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=min(4, 2 * axes.shape[1]),
        handlelength=3.5,
    )


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without what differs from one call to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS, metadata={"Software": None})
    plt.close(figure)
