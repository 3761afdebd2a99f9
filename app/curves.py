"""Figures of numbers: error against time, time of each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    Line,
    NoOverlap,
    NumeralTickFormatter,
    Range1d,
    Scatter,
)
from bokeh.plotting import figure

from ldensf_app import units
from ldensf_app.colours import filter_colour
from ldensf_app.setup import label
from ldensf_app.snapshot import Record
from ldensf_core import FILTERS
from ldensf_core.twin.follow import SPLIT_EVERY

RIGHT, TOP = 14, 8  # px, room around a frame
MILLISECONDS = (0.1, 1, 10, 100, 1e3, 1e4, 1e5)
PERCENT = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LEAST_PERCENT = 5e-4  # what the axis does not go below


def plain_figure(**options: Any) -> Any:
    """A figure without tools that fills the room it is given.

    Put glyphs on it by ``add_glyph``: ``line`` and its like make four models of each, for glyphs
    that are selected or muted, and models are what takes the time until the page is there.
    """
    plot = figure(
        sizing_mode="stretch_both",
        min_width=100,
        min_height=100,
        toolbar_location=None,
        tools="",
        **{"min_border_left": 58, "min_border_right": RIGHT, "min_border_top": TOP} | options,
    )
    plot.axis.axis_label_standoff = 4
    plot.axis.major_label_policy = NoOverlap(min_distance=6)
    return plot


def stacked() -> list[str]:
    """All filters from the lowest curves to the highest: the registry's first lies on top.

    What does not correct lies below all others.
    """
    return sorted(reversed(list(FILTERS)), key=lambda name: FILTERS[name].corrects)


def empty(*columns: str) -> ColumnDataSource:
    """A source that has no data yet."""
    return ColumnDataSource({column: [] for column in columns})


def set_time_axis(plot: Any, benchmark: Any) -> np.ndarray:
    """Let the horizontal axis be the model time of a benchmark; returns that of all snapshots."""
    times, plot.xaxis.axis_label = units.time_axis(benchmark)
    margin = 0.01 * float(times[-1] - times[0])
    plot.x_range.update(start=float(times[0]) - margin, end=float(times[-1]) + margin)
    return times


class ErrorCurves:
    """Relative RMSE of every filter against model time, its spread beside it, dashed."""

    def __init__(self) -> None:
        self.figure = plain_figure(
            y_axis_type="log", x_range=Range1d(0, 1), y_range=Range1d(0.01, 2.0)
        )
        self.figure.yaxis.axis_label = "relative RMSE"
        self.figure.yaxis.ticker = FixedTicker(ticks=PERCENT)
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
        self.sources: dict[str, ColumnDataSource] = {}
        for name in stacked():
            source, colour = empty("time", "error", "spread"), filter_colour(name)
            error = Line(x="time", y="error", line_color=colour, line_width=2.5)
            spread = Line(
                x="time",
                y="spread",
                line_color=colour,
                line_width=1.5,
                line_dash=[5, 4],
                line_alpha=0.85,
            )
            dots = Scatter(x="time", y="error", size=4, line_color=colour, fill_color=colour)
            line, *_ = (self.figure.add_glyph(source, glyph) for glyph in (error, spread, dots))
            tooltips = [(FILTERS[name].title, "@error{0.0 %}, spread @spread{0.0 %}")]
            self.figure.add_tools(HoverTool(renderers=[line], tooltips=tooltips, mode="vline"))
            self.sources[name] = source

    def describe(self, benchmark: Any) -> None:
        """Set the time axis to that of a benchmark."""
        self.times = set_time_axis(self.figure, benchmark)

    def show(self, records: Mapping[str, list[Record]]) -> None:
        """Draw each filter's cycles so far."""
        low, high = 0.02, 1.5
        for name, source in self.sources.items():
            mine = records.get(name, [])
            error, spread = (_positive([getattr(r, q) for r in mine]) for q in ("error", "spread"))
            source.data = {"time": self.times[: len(mine)], "error": error, "spread": spread}
            for curve in (error, spread):
                if np.isfinite(curve).any():
                    low, high = min(low, 0.8 * np.nanmin(curve)), max(high, 1.2 * np.nanmax(curve))
        self.figure.y_range.update(start=float(max(low, LEAST_PERCENT)), end=float(high))


class StepTimes:
    """Forecast and analysis of every cycle in milliseconds, one point a filter and step."""

    def __init__(self) -> None:
        self.figure = plain_figure(
            y_axis_type="log", x_range=Range1d(0, 1), y_range=Range1d(0.3, 3e3)
        )
        self.figure.xaxis.axis_label = "step"
        self.figure.yaxis.axis_label = "ms"
        self.figure.yaxis.ticker = FixedTicker(ticks=MILLISECONDS)
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
        self.sources: dict[str, ColumnDataSource] = {}
        for name in stacked():
            if not FILTERS[name].corrects:
                continue
            source, colour = empty("step", "total", "apart", "decode"), filter_colour(name)
            line = Line(x="step", y="total", line_color=colour, line_width=1.5, line_alpha=0.5)
            dots = Scatter(x="step", y="total", size=5, line_color=colour, fill_color=colour)
            self.figure.add_glyph(source, line)
            points = self.figure.add_glyph(source, dots)
            tooltips = [
                (label(name), "@total{0,0.00} ms"),
                ("forecast, analysis apart", "@apart"),
                ("fields for the map", "@decode{0,0.0} ms, not counted"),
            ]
            self.figure.add_tools(HoverTool(renderers=[points], tooltips=tooltips))
            self.sources[name] = source

    def describe(self, benchmark: Any) -> None:
        """Set the axis to the number of a benchmark's steps."""
        self.figure.x_range.update(start=-0.5, end=benchmark.n_times - 0.5)

    def show(self, records: Mapping[str, list[Record]]) -> None:
        """Draw each filter's cycles so far."""
        low, high = 0.1, 300.0
        for name, source in self.sources.items():
            mine = records.get(name, [])
            total = _positive([r.cycle_ms for r in mine])
            source.data = {
                "step": np.arange(len(mine), dtype=np.float32),
                "total": total,
                "apart": [_apart(r) for r in mine],
                "decode": np.array([r.decode_ms for r in mine], np.float32),
            }
            if np.isfinite(total).any():
                low, high = min(low, 0.5 * np.nanmin(total)), max(high, 2.0 * np.nanmax(total))
        self.figure.y_range.update(start=float(low), end=float(high))


def _apart(record: Record) -> str:
    """Times of forecast and analysis where they were taken, which is at every few observations."""
    if not np.isfinite(record.forecast_ms):
        return f"taken at every {SPLIT_EVERY}th observation"
    return f"{record.forecast_ms:,.2f} ms, {record.analysis_ms:,.2f} ms"


def _positive(values: list[float]) -> np.ndarray:
    """Values for a logarithmic axis: what is not positive is left out."""
    array = np.array(values, np.float32)
    array[~(array > 0)] = np.nan
    return array
