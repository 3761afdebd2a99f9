"""Figures of numbers: error against time, time of each step, the unknown parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from app.colours import FILTER_COLOURS, FILTER_LABELS, FILTER_SHORT, TRUTH_COLOUR
from app.settings import FREE_RUN, LD_ENSF
from app.snapshot import Record

RIGHT, TOP = 14, 6  # px, room around a frame
CLOUD_LEFT, CLOUD_RIGHT, CLOUD_BOTTOM = 38, 24, 32
MILLISECONDS = (0.1, 1, 10, 100, 1e3, 1e4, 1e5)
PERCENT = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LEAST_PERCENT = 5e-4  # what the axis does not go below


def _plain_figure(**options: Any) -> Any:
    plot = figure(
        sizing_mode="stretch_both",
        min_width=100,
        min_height=100,
        toolbar_location=None,
        tools="",
        **{"min_border_left": 58, "min_border_right": RIGHT, "min_border_top": TOP} | options,
    )
    plot.axis.axis_label_standoff = 4
    return plot


class ErrorCurves:
    """Relative RMSE of every filter against model time, its spread beside it, dashed."""

    def __init__(self) -> None:
        self.figure = _plain_figure(
            y_axis_type="log", x_range=Range1d(0, 1), y_range=Range1d(0.01, 2.0)
        )
        self.figure.yaxis.axis_label = "relative RMSE"
        self.figure.yaxis.ticker = FixedTicker(ticks=PERCENT)
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0.[0] %")
        self.sources: dict[str, ColumnDataSource] = {}
        for name, colour in reversed(FILTER_COLOURS.items()):  # LD-EnSF on top
            source = ColumnDataSource({"time": [], "error": [], "spread": []})
            line = self.figure.line("time", "error", source=source, color=colour, line_width=2.5)
            self.figure.line(
                "time",
                "spread",
                source=source,
                color=colour,
                line_width=1.5,
                line_dash=[5, 4],
                alpha=0.85,
            )
            self.figure.scatter("time", "error", source=source, color=colour, size=4)
            tooltips = [(FILTER_SHORT[name], "@error{0.0 %}, spread @spread{0.0 %}")]
            self.figure.add_tools(HoverTool(renderers=[line], tooltips=tooltips, mode="vline"))
            self.sources[name] = source

    def describe(self, benchmark: Any) -> None:
        """Set the time axis to that of a benchmark."""
        self.times = np.asarray(benchmark.times, np.float32)
        self.figure.xaxis.axis_label = f"model time ({benchmark.time_units})"
        first, last = float(self.times[0]), float(self.times[-1])
        margin = 0.01 * (last - first)
        self.figure.x_range.update(start=first - margin, end=last + margin)

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
        self.figure = _plain_figure(
            y_axis_type="log", x_range=Range1d(0, 1), y_range=Range1d(0.3, 3e3)
        )
        self.figure.xaxis.axis_label = "step"
        self.figure.yaxis.axis_label = "ms per cycle"
        self.figure.yaxis.ticker = FixedTicker(ticks=MILLISECONDS)
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
        self.sources: dict[str, ColumnDataSource] = {}
        columns = ("step", "total", "forecast", "analysis", "decode")
        for name, colour in FILTER_COLOURS.items():
            if name == FREE_RUN:
                continue
            source = ColumnDataSource({column: [] for column in columns})
            self.figure.line(
                "step", "total", source=source, color=colour, line_width=1.5, alpha=0.5
            )
            points = self.figure.scatter("step", "total", source=source, color=colour, size=5)
            tooltips = [
                (FILTER_LABELS[name], "@total{0,0.0} ms"),
                ("forecast", "@forecast{0,0.00} ms"),
                ("analysis", "@analysis{0,0.00} ms"),
                ("fields for the map", "@decode{0,0.0} ms, not counted"),
            ]
            self.figure.add_tools(HoverTool(renderers=[points], tooltips=tooltips))
            self.sources[name] = source

    def describe(self, benchmark: Any) -> None:
        """Set the axis to the number of a benchmark's steps."""
        self.figure.x_range.update(start=-0.5, end=benchmark.n_times - 0.5)

    def show(self, records: Mapping[str, list[Record]]) -> None:
        """Draw each filter's cycles so far."""
        low, high = 0.3, 300.0
        for name, source in self.sources.items():
            mine = records.get(name, [])
            total = _positive([r.cycle_ms for r in mine])
            source.data = {
                "step": np.arange(len(mine), dtype=np.float32),
                "total": total,
                "forecast": np.array([r.forecast_ms for r in mine], np.float32),
                "analysis": np.array([r.analysis_ms for r in mine], np.float32),
                "decode": np.array([r.decode_ms for r in mine], np.float32),
            }
            if np.isfinite(total).any():
                low, high = min(low, 0.5 * np.nanmin(total)), max(high, 2.0 * np.nanmax(total))
        self.figure.y_range.update(start=float(low), end=float(high))


class ParameterCloud:
    """The ensemble's first two unknown parameters, their prior range, and the truth."""

    def __init__(self) -> None:
        self.figure = _plain_figure(
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            min_border_left=CLOUD_LEFT,
            min_border_right=CLOUD_RIGHT,
            min_border_bottom=CLOUD_BOTTOM,
        )
        self.prior = BoxAnnotation(
            fill_alpha=0.06, fill_color="#8a8f98", line_color="#8a8f98", line_dash="dashed"
        )
        self.figure.add_layout(self.prior)
        self.sources = {name: ColumnDataSource({"x": [], "y": []}) for name in (FREE_RUN, LD_ENSF)}
        self.truth = ColumnDataSource({"x": [], "y": []})
        for name in self.sources:
            self._points(name, 7, 0.45)
        for colour, width in (("white", 5), (TRUTH_COLOUR, 2)):  # to be seen on any ground
            self.figure.scatter(
                "x", "y", source=self.truth, marker="x", size=16, line_width=width, color=colour
            )
        self._points(LD_ENSF, 3, 1.0)  # a cloud that has shrunk below the cross shows in it

    def _points(self, name: str, size: float, alpha: float) -> None:
        colour, source = FILTER_COLOURS[name], self.sources[name]
        self.figure.scatter("x", "y", source=source, size=size, color=colour, fill_alpha=alpha)

    def describe(self, benchmark: Any) -> None:
        """Axes and prior box after the benchmark's first two parameters."""
        px, py = benchmark.parameters[:2]
        for axis, p in ((self.figure.xaxis[0], px), (self.figure.yaxis[0], py)):
            axis.ticker = FixedTicker(ticks=[p.low, (p.low + p.high) / 2, p.high])
        self.figure.xaxis.major_label_overrides = {px.high: f"{px.high:g} {px.units}"}
        self.prior.update(left=px.low, right=px.high, bottom=py.low, top=py.high)
        for axis, p in ((self.figure.x_range, px), (self.figure.y_range, py)):
            margin = 0.06 * (p.high - p.low)
            axis.update(start=p.low - margin, end=p.high + margin)

    def show(self, clouds: Mapping[str, np.ndarray], truth: np.ndarray | None) -> None:
        """Clouds (M, P) by filter and the true parameters (P,)."""
        for name, source in self.sources.items():
            cloud = clouds.get(name)
            source.data = (
                {"x": [], "y": []} if cloud is None else {"x": cloud[:, 0], "y": cloud[:, 1]}
            )
        self.truth.data = {"x": [], "y": []} if truth is None else {"x": truth[:1], "y": truth[1:2]}


def _positive(values: list[float]) -> np.ndarray:
    """Values for a logarithmic axis: what is not positive is left out."""
    array = np.array(values, np.float32)
    array[~(array > 0)] = np.nan
    return array
