"""Maps of fields: created once, then only their pixels and titles change."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    ColorBar,
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    Image,
    NoOverlap,
    Range1d,
    Scatter,
)
from bokeh.plotting import figure

from ldensf_app import units
from ldensf_app.colours import TRUTH_COLOUR
from ldensf_app.limits import Limits

LEFT, RIGHT, TOP, BOTTOM = 44, 60, 8, 28
"""Room around a map's frame for its axes and its colour bar, in pixels. The page sizes a map
so that what remains has the proportions of the domain."""


LARGEST = 2**16
"""Points of the largest image that is sent. The atmosphere's grid has twice as many in each
direction as its waves need; halved, its pictures arrive half as often again."""


def reduced(field: np.ndarray) -> np.ndarray:
    """A field (ny, nx), or where that is large the means of 2 × 2 of its points."""
    ny, nx = field.shape
    if field.size <= LARGEST or ny % 2 or nx % 2:
        return field
    return reduced(field.reshape(ny // 2, 2, nx // 2, 2).mean(axis=(1, 3)))


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
            min_width=100,
            min_height=100,
            min_border_left=LEFT,
            min_border_right=RIGHT,
            min_border_top=TOP,
            min_border_bottom=BOTTOM,
            toolbar_location=None,
            tools="",
            output_backend="canvas",
        )
        self.figure.grid.visible = False
        glyph = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=limits.mapper)
        image = self.figure.add_glyph(self.pixels, glyph)
        bar = ColorBar(
            color_mapper=limits.mapper,
            width=10,
            padding=4,
            margin=0,
            ticker=BasicTicker(desired_num_ticks=5),
            formatter=BasicTickFormatter(power_limit_low=-5),
        )
        self.figure.add_layout(bar, "right")
        self.axes = (self.figure.xaxis[0], self.figure.yaxis[0])
        for axis in self.axes:
            axis.ticker = FixedTicker(ticks=[])
            axis.major_label_policy = NoOverlap(min_distance=6)  # some are left out, if need be
        self.places = {name: CustomJSHover() for name in ("$x", "$y")}
        self.hover = HoverTool(renderers=[image], tooltips=[], formatters=self.places)
        self.figure.add_tools(self.hover)

    def describe(self, benchmark: Any, variable: int, quantity: str) -> None:
        """Name axes and hover text after a benchmark and one of its variables.

        Args:
            quantity: symbol of what is mapped.
        """
        x, y, v = benchmark.x, benchmark.y, benchmark.variables[variable]
        # Numbers and texts change, never models: for another one Bokeh looks through all models
        # of the page.
        for axis, place, domain in zip(self.axes, self.places.values(), (x, y), strict=True):
            labels = units.ticks(domain)
            axis.ticker.ticks = list(labels)
            axis.major_label_overrides = labels
            place.code = units.pointer(domain)
        digits = units.decimals(v.std)
        number = "0." + "0" * digits if digits else "0"
        self.hover.tooltips = [
            ("at", "$x{custom}, $y{custom}"),
            (quantity, f"@image{{{number}}}{units.unit(v.units)}"),
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
            self.pixels.data = {"image": [reduced(field)], **self._place}


class Sensors:
    """The sensors on a map: filled where they report, hollow where a value is missing."""

    def __init__(self, field_map: FieldMap) -> None:
        self.source = ColumnDataSource({"x": [], "y": [], "fill": []})
        glyph = Scatter(
            size=5,
            fill_color=TRUTH_COLOUR,
            fill_alpha="fill",
            line_color="white",
            line_width=0.8,
        )
        self.glyphs = field_map.figure.add_glyph(self.source, glyph)

    def show(self, positions: np.ndarray | None, silent: np.ndarray | None) -> None:
        """Positions (n, 2), or none; ``silent`` (n,) marks those that reported nothing."""
        if positions is None:
            self.source.data = {"x": [], "y": [], "fill": []}
            return
        fill = np.full(len(positions), 0.9, np.float32)
        if silent is not None:
            fill[silent] = 0.0
        x, y = positions.T.astype(np.float32)
        self.source.data = {"x": x, "y": y, "fill": fill}
        self.glyphs.glyph.size = float(np.clip(55 / np.sqrt(len(positions)), 2.5, 7.0))
