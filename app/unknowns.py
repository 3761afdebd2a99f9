"""Figures of the unknown parameters: a cloud where there are two, a track where there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    FixedTicker,
    Line,
    Range1d,
    Scatter,
    Span,
    VArea,
)

from ldensf_app.colours import TRUTH_COLOUR, UNCORRECTED, filter_colour
from ldensf_app.curves import empty, plain_figure, set_time_axis, stacked
from ldensf_app.snapshot import Record
from ldensf_app.units import unit
from ldensf_core import FILTERS

LEFT, RIGHT, BOTTOM = 40, 24, 32  # px, room around the frame of the cloud
SHORT = 6  # letters
BAND = (0.05, 0.95)


class ParameterCloud:
    """The ensemble's first two unknown parameters, their prior range, and the truth."""

    def __init__(self) -> None:
        self.figure = plain_figure(
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            min_border_left=LEFT,
            min_border_right=RIGHT,
            min_border_bottom=BOTTOM,
        )
        for axis in self.figure.axis:
            axis.ticker = FixedTicker(ticks=[])
        self.prior = BoxAnnotation(
            fill_alpha=0.06, fill_color=UNCORRECTED, line_color=UNCORRECTED, line_dash="dashed"
        )
        self.figure.add_layout(self.prior)
        drawn = [name for name in stacked() if is_drawn(name)]
        self.sources = {name: empty("x", "y") for name in drawn}
        self.truth = empty("x", "y")
        for name in drawn:
            self._points(name, 7, 0.45)
        for colour, width in (("white", 5), (TRUTH_COLOUR, 2)):  # to be seen on any ground
            cross = Scatter(marker="x", size=16, line_width=width, line_color=colour)
            self.figure.add_glyph(self.truth, cross)
        for name in drawn:
            if FILTERS[name].corrects:  # a cloud that has shrunk below the cross shows in it
                self._points(name, 3, 1.0)

    def _points(self, name: str, size: float, alpha: float) -> None:
        colour = filter_colour(name)
        dots = Scatter(size=size, line_color=colour, fill_color=colour, fill_alpha=alpha)
        self.figure.add_glyph(self.sources[name], dots)

    def describe(self, benchmark: Any) -> None:
        """Axes and prior box after the benchmark's first two parameters."""
        px, py = benchmark.parameters[:2]
        for axis, p in ((self.figure.xaxis[0], px), (self.figure.yaxis[0], py)):
            axis.ticker.ticks = [p.low, (p.low + p.high) / 2, p.high]
        self.figure.xaxis.major_label_overrides = _labels(px, px.name.replace("_", " "), px.units)
        # Less room here: both stand in the numbers beside, too.
        short = py.name if len(py.name) <= SHORT else " "
        self.figure.yaxis.major_label_overrides = _labels(py, short, "1")
        self.prior.update(left=px.low, right=px.high, bottom=py.low, top=py.high)
        self.axes = (self.figure.x_range, px), (self.figure.y_range, py)
        for bokeh_range, p in self.axes:
            _fit(bokeh_range, p)

    def show(self, records: Mapping[str, list[Record]], truth: np.ndarray | None) -> None:
        """Draw the ensemble of each filter's latest cycle, and the true parameters (P,)."""
        for name, source in self.sources.items():
            cloud = records[name][-1].parameters if records.get(name) else np.empty((0, 2))
            source.data = {"x": cloud[:, 0], "y": cloud[:, 1]}
        self.truth.data = {"x": [], "y": []} if truth is None else {"x": truth[:1], "y": truth[1:2]}
        if truth is not None:
            for (bokeh_range, p), value in zip(self.axes, truth[:2], strict=True):
                _fit(bokeh_range, p, float(value))


class ParameterTrack:
    """A single unknown parameter against model time: ensembles, prior range, and the truth.

    A line is the mean of an ensemble, a band its central 90 %.
    """

    def __init__(self) -> None:
        self.figure = plain_figure(x_range=Range1d(0, 1), y_range=Range1d(0, 1), min_border_left=40)
        self.figure.yaxis.ticker = FixedTicker(ticks=[])
        self.prior = BoxAnnotation(
            fill_alpha=0.0, line_color=UNCORRECTED, line_dash="dashed", bottom=0, top=1
        )
        self.figure.add_layout(self.prior)
        self.sources: dict[str, ColumnDataSource] = {}
        for name in stacked():
            if is_drawn(name):
                source, colour = empty("time", "low", "mean", "high"), filter_colour(name)
                for glyph in (
                    VArea(x="time", y1="low", y2="high", fill_color=colour, fill_alpha=0.2),
                    Line(x="time", y="mean", line_color=colour, line_width=2.5),
                    Scatter(x="time", y="mean", size=4, line_color=colour, fill_color=colour),
                ):
                    self.figure.add_glyph(source, glyph)
                self.sources[name] = source
        self.truth = [  # to be seen on any ground
            Span(dimension="width", line_color=colour, line_width=width, visible=False)
            for colour, width in (("white", 4), (TRUTH_COLOUR, 2))
        ]
        for line in self.truth:
            self.figure.add_layout(line)

    def describe(self, benchmark: Any) -> None:
        """Axes and prior range after the benchmark's only parameter."""
        self.times = set_time_axis(self.figure, benchmark)
        self.parameter = p = benchmark.parameters[0]
        self.figure.yaxis[0].ticker.ticks = [p.low, (p.low + p.high) / 2, p.high]
        self.prior.update(bottom=p.low, top=p.high)
        _fit(self.figure.y_range, p)

    def show(self, records: Mapping[str, list[Record]], truth: np.ndarray | None) -> None:
        """Draw the ensembles of each filter's cycles so far, and the true parameter (1,)."""
        for name, source in self.sources.items():
            if not (cycles := records.get(name)):
                source.data = {column: [] for column in ("time", "low", "mean", "high")}
                continue
            ensembles = np.stack([record.parameters[:, 0] for record in cycles])
            low, high = np.quantile(ensembles, BAND, axis=1).astype(np.float32)
            source.data = {
                "time": self.times[: len(ensembles)],
                "low": low,
                "mean": ensembles.mean(axis=1, dtype=np.float32),
                "high": high,
            }
        for line in self.truth:
            if truth is not None:
                line.location = float(truth[0])
            line.visible = truth is not None
        if truth is not None:
            _fit(self.figure.y_range, self.parameter, float(truth[0]))


def is_drawn(name: str) -> bool:
    """Whether a filter is: one that corrects the parameters, or leaves the prior as it is.

    Parameters that a filter ought to correct and does not are the prior's, which is there once.
    """
    return FILTERS[name].corrects_parameters or not FILTERS[name].corrects


def _labels(p: Any, middle: str, units: str) -> dict[float, str]:
    """The ends of a parameter's prior range, and something written between them."""
    ends = f"{p.low:g}", f"{p.high:g}{unit(units)}"
    return {p.low: ends[0], (p.low + p.high) / 2: middle, p.high: ends[1]}


def _fit(bokeh_range: Range1d, p: Any, truth: float = math.nan) -> None:
    """Show the prior range, and the true value too if that lies outside."""
    margin = 0.06 * (p.high - p.low)
    # The known bound comes first: a comparison with NaN leaves it.
    low, high = min(p.low, truth), max(p.high, truth)
    bokeh_range.update(start=low - margin, end=high + margin)
