"""How HoloViews draws the figures with either backend, Bokeh or Matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import holoviews as hv

# HoloViews keeps options only for backends that have been imported. The first one becomes the
# present one, until the user's `hv.extension` chooses: Bokeh, as in the app.
import holoviews.plotting.bokeh
import holoviews.plotting.mpl
import numpy as np
from matplotlib.ticker import NullLocator

from ldensf_app.colours import Look
from ldensf_app.record import lines

MAP = 230
"""Pixels, √(width × height) of a map."""
WIDTH, HEIGHT = 386, 280
"""Pixels of a figure of curves."""
INCH = 80
"""Pixels in an inch, with Matplotlib."""
ENDS = ("high", "low")
MARKER = 6.5
"""Pixels of a marker on a line."""
PERCENT = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def styled(element: Any, bokeh: dict | None = None, mpl: dict | None = None, **both: Any) -> Any:
    """``element`` with options for each backend, and for ``both``."""
    element = element.opts(**both, **(bokeh or {}), backend="bokeh")
    return element.opts(**both, **(mpl or {}), backend="matplotlib")


def line(
    x: Any,
    y: Any,
    dims: tuple[hv.Dimension, hv.Dimension],
    label: str,
    colour: str,
    width: float = 2.0,
    dash: Sequence[int] = lines.SOLID,
) -> hv.Curve:
    """A line, broken where values are NaN; ``dash``: pixels of line and gap in turn."""
    return styled(
        hv.Curve((x, y), *dims, label=label),
        {"line_width": width, "line_dash": list(dash)},
        {"linewidth": 0.8 * width, "linestyle": lines.linestyle(dash)},
        color=colour,
    )


def filter_line(
    x: Any,
    y: Any,
    dims: tuple[hv.Dimension, hv.Dimension],
    label: str,
    look: Look,
    width: float = 2.0,
) -> list[hv.Element]:
    """The line of a filter in its colour and dash, and its markers."""
    curve = line(x, y, dims, label, look.colour, width, look.dash)
    step = lines.marker_step(len(x))
    markers = styled(
        hv.Scatter((x[::step], y[::step]), *dims, label=label),
        {"marker": look.marker, "size": MARKER},
        {"marker": lines.MARKERS[look.marker], "s": MARKER**2},
        color=look.colour,
    )
    return [curve, markers]


def band(
    x: Any, low: Any, high: Any, dims: tuple[hv.Dimension, hv.Dimension], colour: str
) -> hv.Area:
    """A filled band where both of its ends are known."""
    known = np.isfinite(low) & np.isfinite(high)
    name = dims[1].name
    ends = [hv.Dimension(f"{name}_{end}", label=f"{dims[1].label}, {end} end") for end in ENDS]
    area = hv.Area((x[known], high[known], low[known]), dims[0], ends)
    return styled(
        area,
        {"color": colour, "line_alpha": 0.0},
        {"color": colour, "facecolor": colour, "linewidth": 0.0},
        alpha=0.2,
    )


def points(
    x: Any, y: Any, dims: Iterable[hv.Dimension], label: str, colour: str, marker: str = "o"
) -> hv.Points:
    """Points; ``marker``: o or x."""
    return styled(
        hv.Points((x, y), list(dims), label=label),
        {"size": 6, "line_width": 1.5},
        {"s": 25, "linewidth": 1.5},
        marker=marker,
        color=colour,
    )


def figure(
    elements: Iterable[Any],
    title: str,
    labels: tuple[str, str],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    legend: str = "top_right",
    **more: Any,
) -> hv.Overlay:
    """Curves with a title, names of both axes, their limits, and a legend in a corner.

    Those without any value are left out.
    """
    # HoloViews warns of the range of curves that have no values.
    drawn = [e for e in elements if np.isfinite(e.dimension_values(1)).any()]
    if not drawn:
        drawn = [
            hv.Text(
                float(np.mean(xlim)),
                float(np.sqrt(ylim[0] * ylim[1])) if more.get("logy") else float(np.mean(ylim)),
                "no values",
            )
        ]
    return styled(
        hv.Overlay(drawn),
        {"width": WIDTH, "height": HEIGHT, "legend_opts": LEGEND},
        {"aspect": "auto", "fig_inches": (WIDTH / INCH, HEIGHT / INCH), "hooks": [_major]},
        title=title,
        xlabel=labels[0],
        ylabel=labels[1],
        xlim=xlim,
        ylim=ylim,
        legend_position=legend,
        show_grid=True,
        **more,
    )


def _major(plot: Any, element: Any) -> None:
    """No ticks between those that are given: Matplotlib would label them."""
    plot.handles["axis"].yaxis.set_minor_locator(NullLocator())


LEGEND = {"background_fill_alpha": 0.7, "label_text_font_size": "9pt", "spacing": 0, "padding": 4}


def page(figures: list[Any], columns: int, width: float, height: float) -> hv.Layout:
    """Figures in rows of ``columns``; width and height of one in pixels, with Matplotlib."""
    layout = hv.Layout(figures).cols(columns)
    rows = -(-len(figures) // columns)
    return styled(
        layout,
        None,
        {
            "fig_inches": (columns * width / INCH, rows * height / INCH),
            "sublabel_format": "",
        },
    )
