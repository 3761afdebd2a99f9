"""A figure of numbers: traces with dots, bands and levels, as a drawing describes them.

One figure draws all there is in a few glyphs that hold everything, rather than one glyph a filter
and quantity: every model of Bokeh's makes the page slower to come and to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    MultiLine,
    NoOverlap,
    Patches,
    Range1d,
    Scatter,
)
from bokeh.plotting import figure

Values = np.ndarray


@dataclass(frozen=True)
class Trace:
    """A line through dots, or dots alone where ``width`` is 0, or a line alone without marker.

    Attributes:
        x, y: (n,); where y is NaN the line has a gap.
        name: for the text at the pointer.
    """

    name: str
    x: Values
    y: Values
    colour: str
    marker: str = ""
    dash: Sequence[int] = ()
    width: float = 2.5
    size: float = 5.0
    alpha: float = 1.0


@dataclass(frozen=True)
class Band:
    """The area between two lines."""

    x: Values
    low: Values
    high: Values
    colour: str
    alpha: float = 0.2


@dataclass(frozen=True)
class Drawing:
    """What a chart shows.

    Attributes:
        x_range, y_range: ends of the axes. ``x_label``, ``y_label``: their names; the vertical
            axis needs none where the chart's title says it.
        x_ticks, y_ticks: where numbers stand and what they are; empty for round numbers.
        hover: how the text at the pointer writes a value, in Bokeh's way.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    traces: list[Trace] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    x_ticks: dict[float, str] = field(default_factory=dict)
    y_ticks: dict[float, str] = field(default_factory=dict)
    hover: str = "@y{0.[00]}"


class Chart:
    """A figure that fills the room it is given.

    Args:
        logarithmic: whether the vertical axis is.
    """

    def __init__(self, logarithmic: bool = False) -> None:
        self.figure = figure(
            sizing_mode="stretch_both",
            min_width=100,
            min_height=100,
            toolbar_location=None,
            tools="",
            x_range=Range1d(0, 1),
            y_range=Range1d(0.01, 1) if logarithmic else Range1d(0, 1),
            y_axis_type="log" if logarithmic else "linear",
            min_border_left=44,
            min_border_right=12,
            min_border_top=6,
        )
        self.figure.axis.axis_label_standoff = 2
        self.figure.axis.axis_label_text_font_size = "12px"
        self.figure.axis.major_label_text_font_size = "11px"
        self.figure.axis.major_label_policy = NoOverlap(min_distance=6)
        self._usual = [axis.ticker for axis in self.axes]
        self._fixed = [FixedTicker(ticks=[]) for _ in self.axes]
        self.bands, self.lines, self.dots = (
            ColumnDataSource({column: [] for column in columns.split()})
            for columns in (
                "xs ys colour alpha",
                "xs ys colour width alpha dash",
                "x y colour marker size alpha name",
            )
        )
        self.figure.add_glyph(
            self.bands,
            Patches(xs="xs", ys="ys", fill_color="colour", fill_alpha="alpha", line_color=None),
        )
        self.figure.add_glyph(
            self.lines,
            MultiLine(
                xs="xs", ys="ys", line_color="colour", line_dash="dash", line_width="width",
                line_alpha="alpha",
            ),
        )  # fmt: skip
        dots = self.figure.add_glyph(
            self.dots,
            Scatter(
                x="x", y="y", size="size", marker="marker", line_color="colour",
                fill_color="colour", fill_alpha="alpha", line_alpha="alpha",
            ),
        )  # fmt: skip
        self.hover = HoverTool(renderers=[dots], tooltips=[("@name", "@y")])
        self.figure.add_tools(self.hover)

    @property
    def axes(self) -> tuple:
        """The horizontal and the vertical axis."""
        return self.figure.xaxis[0], self.figure.yaxis[0]

    def show(self, drawing: Drawing) -> None:
        """Replace what is drawn."""
        self._show_axes(drawing)
        lines = [t for t in drawing.traces if t.width]
        dotted = [t for t in drawing.traces if t.marker]
        self.bands.data = {
            "xs": [np.concatenate([b.x, b.x[::-1]]) for b in drawing.bands],
            "ys": [np.concatenate([b.low, b.high[::-1]]) for b in drawing.bands],
            "colour": [b.colour for b in drawing.bands],
            "alpha": [b.alpha for b in drawing.bands],
        }
        self.lines.data = {
            "xs": [t.x for t in lines],
            "ys": [t.y for t in lines],
            **{name: [getattr(t, name) for t in lines] for name in ("colour", "width", "alpha")},
            "dash": [list(t.dash) for t in lines],
        }
        self.dots.data = {
            "x": _joined([t.x for t in dotted]),
            "y": _joined([t.y for t in dotted]),
            **{
                name: [getattr(t, name) for t in dotted for _ in range(len(t.x))]
                for name in ("colour", "marker", "size", "alpha", "name")
            },
        }

    def _show_axes(self, drawing: Drawing) -> None:
        plot = self.figure
        plot.x_range.update(start=drawing.x_range[0], end=drawing.x_range[1])
        plot.y_range.update(start=drawing.y_range[0], end=drawing.y_range[1])
        labels, ticks = (drawing.x_label, drawing.y_label), (drawing.x_ticks, drawing.y_ticks)
        for axis, label, at, usual, fixed in zip(
            self.axes, labels, ticks, self._usual, self._fixed, strict=True
        ):
            axis.axis_label = label
            fixed.ticks = list(at)
            axis.major_label_overrides = at
            axis.ticker = fixed if at else usual
        self.hover.tooltips = [("@name", drawing.hover)]


def _joined(parts: list[Values]) -> Values:
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
