"""Maps of fields: created once, then only their pixels and titles change."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    Range1d,
)
from bokeh.plotting import figure

from app.colours import TRUTH_COLOUR, Limits

LEFT, RIGHT, TOP, BOTTOM = 44, 60, 8, 28
"""Room around a map's frame for its axes and its colour bar, in pixels. The page sizes a map
so that what remains is square."""


def label_axis(axis: Any, low: float, high: float, units: str) -> None:
    """Evenly spaced ticks, the last of which gives the unit: it costs the map no room."""
    ticks = [float(t) for t in np.linspace(low, high, 6)]
    axis.ticker = FixedTicker(ticks=ticks)
    axis.major_label_overrides = {ticks[-1]: units}


class FieldMap:
    """An image of one field with axes and a colour bar, whose unit stands in the card's head.

    Args:
        x_range, y_range: shared by all maps.
    """

    def __init__(self, limits: Limits, x_range: Range1d, y_range: Range1d) -> None:
        self.limits = limits
        self.pixels = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.figure = figure(
            x_range=x_range,
            y_range=y_range,
            sizing_mode="stretch_both",
            min_width=150,
            min_height=150,
            min_border_left=LEFT,
            min_border_right=RIGHT,
            min_border_top=TOP,
            min_border_bottom=BOTTOM,
            toolbar_location=None,
            tools="",
            output_backend="canvas",
        )
        self.figure.grid.visible = False
        image = self.figure.image(
            image="image",
            x="x",
            y="y",
            dw="dw",
            dh="dh",
            color_mapper=limits.mapper,
            source=self.pixels,
        )
        bar = ColorBar(
            color_mapper=limits.mapper,
            width=10,
            padding=4,
            margin=0,
            ticker=BasicTicker(desired_num_ticks=5),
            formatter=BasicTickFormatter(power_limit_low=-5),
        )
        self.figure.add_layout(bar, "right")
        self.hover = HoverTool(renderers=[image], tooltips=[])
        self.figure.add_tools(self.hover)

    def describe(self, benchmark: Any, variable: int, quantity: str) -> None:
        """Name axes and hover text after a benchmark and one of its variables.

        Args:
            quantity: symbol of what is mapped.
        """
        x, y, v = benchmark.x, benchmark.y, benchmark.variables[variable]
        for axis, a in ((self.figure.xaxis[0], x), (self.figure.yaxis[0], y)):
            label_axis(axis, a.low, a.high, a.units)
        self.hover.tooltips = [
            ("at", f"$x{{0}}, $y{{0}} {x.units}"),
            (quantity, f"@image{{0.0000}} {v.units}"),
        ]
        self._place = {
            "x": [x.low],
            "y": [y.low],
            "dw": [x.high - x.low],
            "dh": [y.high - y.low],
        }

    def show(self, field: np.ndarray | None) -> None:
        """Replace the pixels by ``field`` (ny, nx), or by nothing."""
        if field is None:
            self.pixels.data = {name: [] for name in ("image", "x", "y", "dw", "dh")}
        else:
            self.pixels.data = {"image": [field], **self._place}


class Sensors:
    """The sensors on a map: filled where they report, hollow where a value is missing."""

    def __init__(self, field_map: FieldMap) -> None:
        self.source = ColumnDataSource({"x": [], "y": [], "fill": []})
        self.glyphs = field_map.figure.scatter(
            "x",
            "y",
            source=self.source,
            size=5,
            fill_color=TRUTH_COLOUR,
            fill_alpha="fill",
            line_color="white",
            line_width=0.8,
        )

    def show(self, positions: np.ndarray | None, silent: np.ndarray | None) -> None:
        """Positions (n, 2), or none; ``silent`` (n,) marks those that reported nothing."""
        if positions is None:
            self.source.data = {"x": [], "y": [], "fill": []}
            return
        fill = np.full(len(positions), 0.9, np.float32)
        if silent is not None:
            fill[silent] = 0.0
        self.source.data = {"x": positions[:, 0], "y": positions[:, 1], "fill": fill}
        self.glyphs.glyph.size = float(np.clip(55 / np.sqrt(len(positions)), 2.5, 7.0))
