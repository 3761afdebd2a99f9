"""What the figures share: colours of the filters as in the app, and marks that need no colour."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ldensf_app.colours import FILTER_COLOURS, FILTER_LABELS

_MARKS = [
    ("o", "-"), ("s", "--"), ("^", "-."), ("D", "-"), ("p", "--"), ("v", "--"), ("P", "-."),
    ("X", ":"),
]  # fmt: skip
FILTER_MARKS = dict(zip(FILTER_COLOURS, _MARKS, strict=True))
"""Marker and line by filter, to tell them apart in greyscale."""

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


def line(name: str) -> dict[str, object]:
    """How a filter's line is drawn."""
    marker, dashes = FILTER_MARKS[name]
    return {
        "color": FILTER_COLOURS[name],
        "label": FILTER_LABELS[name],
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
    order = list(FILTER_LABELS.values())
    labels = sorted(found, key=lambda label: order.index(label) if label in order else len(order))
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
