"""What the charts show of a run. Pure functions from a view to a drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ldensf_app import units
from ldensf_app.chart import Band, Drawing, Trace
from ldensf_app.colours import TRUTH_COLOUR, UNCORRECTED, look
from ldensf_app.labels import filter_of, full_title, title
from ldensf_app.panels import MEAN, SPREAD, TRUTH
from ldensf_app.snapshot import Record
from ldensf_app.view import View

MILLISECONDS = {0.1: "0.1", 1: "1", 10: "10", 100: "100", 1e3: "1,000", 1e4: "10,000", 1e5: "10⁵"}
PERCENT = {p / 100: f"{p:g} %" for p in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)}
CHI2 = {c: f"{c:g}" for c in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)}
LEAST_PERCENT = 5e-4  # what the axis does not go below
SPREAD_DASH, LEVEL_DASH = (2, 3), (5, 4)
NINETY = 1.6449
"""Standard deviations from the mean to the ends of the central 90 % of a normal distribution."""
FORECAST = "#8a8f98"


def ordered(history: Mapping[str, list[Record]]) -> list[str]:
    """Filters from the lowest curves to the highest; what does not correct lies below all."""
    return sorted(reversed(list(history)), key=lambda label: filter_of(label).corrects)


def errors(view: View, benchmark: Any) -> Drawing:
    """Relative RMSE of every filter against model time, its spread beside it, dotted."""
    times, axis = units.time_axis(benchmark)
    history, traces, low, high = view.history(), [], 0.02, 1.5
    for label in ordered(history):
        records = history[label]
        error, spread = (_positive([getattr(r, q) for r in records]) for q in ("error", "spread"))
        x, drawn = times[: len(records)], look(label, view.labels)
        traces.append(
            Trace(f"{title(label)}, spread", x, spread, drawn.colour, dash=SPREAD_DASH, width=1.8)
        )
        traces.append(Trace(title(label), x, error, *drawn))
        for curve in (error, spread):
            if np.isfinite(curve).any():
                low, high = min(low, 0.8 * np.nanmin(curve)), max(high, 1.2 * np.nanmax(curve))
    y_range = max(low, LEAST_PERCENT), high
    return Drawing(
        _ends(times), y_range, axis, "", traces,
        _forecasts(view, times, y_range), y_ticks=PERCENT, hover="@y{0.0 %}",
    )  # fmt: skip


def step_times(view: View, benchmark: Any) -> Drawing:
    """Time of forecast and analysis together of every cycle, where taken of each apart."""
    history, traces, low, high = view.history(), [], 0.1, 300.0
    for label in ordered(history):
        if not filter_of(label).corrects:
            continue
        records, drawn = history[label], look(label, view.labels)
        step = np.arange(len(records), dtype=np.float32)
        total = _positive([r.cycle_ms for r in records])
        traces.append(Trace(full_title(label), step, total, *drawn, width=1.5))
        for part, marker in (("forecast_ms", "dash"), ("analysis_ms", "dot")):
            taken = _positive([getattr(r, part) for r in records])
            there = np.isfinite(taken)
            if there.any():
                name = f"{title(label)}, {part.removesuffix('_ms')} alone"
                traces.append(
                    Trace(name, step[there], taken[there], drawn.colour, marker,
                          width=0, size=9, alpha=0.9)
                )  # fmt: skip
        if np.isfinite(total).any():
            low, high = min(low, 0.5 * np.nanmin(total)), max(high, 2.0 * np.nanmax(total))
    return Drawing(
        (-0.5, benchmark.n_times - 0.5), (low, high), "step", "", traces,
        y_ticks=MILLISECONDS, hover="@y{0,0.00} ms",
    )  # fmt: skip


def innovations(view: View, benchmark: Any) -> Drawing:
    """χ²/n of the latest innovations of every filter; 1 where model, noise and spread are right."""
    times, axis = units.time_axis(benchmark)
    history, traces, low, high = view.history(), [], 0.3, 3.0
    traces.append(_level(times, 1.0, "as expected"))
    for label in ordered(history):
        chi2 = _positive([r.chi2 for r in history[label]])
        drawn = look(label, view.labels)
        traces.append(Trace(title(label), times[: len(chi2)], chi2, *drawn))
        if np.isfinite(chi2).any():
            low, high = min(low, 0.8 * np.nanmin(chi2)), max(high, 1.2 * np.nanmax(chi2))
    return Drawing(_ends(times), (low, high), axis, "", traces, y_ticks=CHI2)


def cloud(view: View, benchmark: Any) -> Drawing:
    """The ensembles in the first two unknown parameters, their prior range, and the truth."""
    px, py = benchmark.parameters[:2]
    truth, history, traces = view.lead.true_parameters, view.history(), []
    box = np.array([px.low, px.high, px.high, px.low, px.low])
    sides = np.array([py.low, py.low, py.high, py.high, py.low])
    traces.append(Trace("prior", box, sides, UNCORRECTED, dash=LEVEL_DASH, width=1.2))
    known = truth is not None and np.isfinite(truth[:2]).all()
    if known:
        traces += _cross(truth[0], truth[1])
    for label in ordered(history):  # over the cross, in which a small cloud would be lost
        if _is_drawn(label):
            x, y = history[label][-1].parameters[:, :2].T
            size = 5 if filter_of(label).corrects else 7
            traces.append(
                Trace(title(label), x, y, *look(label, view.labels), width=0, size=size, alpha=0.6)
            )
    at = truth if known else (math.nan, math.nan)
    return Drawing(
        _fitting(px, at[0]), _fitting(py, at[1]), f"{_called(px)} → {_called(py)} ↑", "", traces,
        x_ticks=_ends_of(px), y_ticks=_ends_of(py), hover="@x{0.[000]}, @y{0.[000]}",
    )  # fmt: skip


def track(view: View, benchmark: Any, parameter: int) -> Drawing:
    """One unknown parameter against model time: means, central 90 %, prior range, truth."""
    times, axis = units.time_axis(benchmark)
    p, truth = benchmark.parameters[parameter], view.lead.true_parameters
    history, traces, bands = view.history(), [], []
    for label in ordered(history):
        if not _is_drawn(label):
            continue
        records = history[label]
        low, high = np.array([r.central[:, parameter] for r in records], np.float32).T
        mean = np.array([r.mean[parameter] for r in records], np.float32)
        x, drawn = times[: len(mean)], look(label, view.labels)
        bands.append(Band(x, low, high, drawn.colour))
        traces.append(Trace(title(label), x, mean, *drawn))
    for bound in (p.low, p.high):
        traces.append(_level(times, bound, "end of the prior range"))
    at = math.nan if truth is None else float(truth[parameter])
    if math.isfinite(at):
        traces += [
            Trace("truth", _ends_array(times), np.full(2, at), colour, width=width)
            for colour, width in (("#ffffff", 4.0), (TRUTH_COLOUR, 2.0))
        ]
    return Drawing(_ends(times), _fitting(p, at), axis, "", traces, bands, hover="@y{0.[000]}")


def series(view: View, benchmark: Any, variable: int, point: tuple[float, float]) -> Drawing:
    """Truth, means and their central 90 % (mean ± 1.64 spreads) at a point, against time."""
    times, axis = units.time_axis(benchmark)
    history, traces, bands = view.history(), [], []
    row, column, values = None, None, []
    for label in ordered(history):
        snapshot = view.of(label)
        frames = snapshot.frames if snapshot else ()
        if not frames:
            continue
        row, column = _cell(benchmark, point, frames[0][MEAN, label].pixels.shape[1:])
        mean, spread = (
            np.array([f[kind, label].at(variable, row, column) for f in frames], np.float32)
            for kind in (MEAN, SPREAD)
        )
        x, drawn = times[: len(mean)], look(label, view.labels)
        low, high = mean - NINETY * spread, mean + NINETY * spread
        bands.append(Band(x, low, high, drawn.colour, 0.15))
        traces.append(Trace(title(label), x, mean, *drawn, width=2.0))
        values += [low, high]
    lead = view.lead.frames
    if lead and row is not None:
        truth = np.array([f[TRUTH, ""].at(variable, row, column) for f in lead], np.float32)
        traces += [  # to be seen on both pages
            Trace("truth", times[: len(truth)], truth, colour, width=width)
            for colour, width in (("#ffffff", 4.0), (TRUTH_COLOUR, 2.0))
        ]
        values.append(truth)
    known = np.concatenate(values)[np.isfinite(np.concatenate(values))] if values else np.zeros(1)
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    margin = 0.05 * max(high - low, 1e-6)
    y_range = float(low - margin), float(high + margin)
    bands = _forecasts(view, times, y_range) + bands
    return Drawing(_ends(times), y_range, axis, "", traces, bands, hover="@y{0.[000]}")


def log_charts() -> dict[str, Callable[[View, Any], Drawing]]:
    """Charts with a logarithmic axis, by their titles."""
    return {
        "Error, spread (relative)": errors,
        "Step time (ms)": step_times,
        "χ²/n of innovations": innovations,
    }


def _cell(benchmark: Any, point: tuple[float, float], shape: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the point of a grid of ``shape`` that is nearest to a place."""
    shares = (
        (place - axis.low) / (axis.high - axis.low)
        for place, axis in zip(point, (benchmark.x, benchmark.y), strict=True)
    )
    column, row = (min(n - 1, int(s * n)) for s, n in zip(shares, shape[::-1], strict=True))
    return row, column


def _forecasts(view: View, times: np.ndarray, y_range: tuple[float, float]) -> list[Band]:
    """Grey where observations were not assimilated."""
    off = [i for i, on in enumerate(view.lead.assimilated) if not on]
    starts = [i for i in off if i - 1 not in off]
    ends = [i for i in off if i + 1 not in off]
    return [
        Band(
            np.array([times[max(a - 1, 0)], times[b]], np.float32),
            np.full(2, y_range[0]), np.full(2, y_range[1]), FORECAST, 0.16,
        )
        for a, b in zip(starts, ends, strict=True)
    ]  # fmt: skip


def _level(times: np.ndarray, value: float, name: str) -> Trace:
    return Trace(
        name, _ends_array(times), np.full(2, value), UNCORRECTED, dash=LEVEL_DASH, width=1.2
    )


def _cross(x: float, y: float) -> list[Trace]:
    """The truth: to be seen on any ground."""
    return [
        Trace("truth", np.array([x]), np.array([y]), colour, marker, width=0, size=size)
        for colour, marker, size in (("#ffffff", "circle", 13), (TRUTH_COLOUR, "x", 15))
    ]


def _ends(times: np.ndarray) -> tuple[float, float]:
    """The range of the time axis."""
    margin = 0.01 * float(times[-1] - times[0])
    return float(times[0]) - margin, float(times[-1]) + margin


def _ends_array(times: np.ndarray) -> np.ndarray:
    return np.array(_ends(times), np.float32)


def _fitting(p: Any, truth: float) -> tuple[float, float]:
    """The prior range of a parameter, and the true value too if that lies outside."""
    margin = 0.06 * (p.high - p.low)
    # The known bound comes first: a comparison with NaN leaves it.
    return min(p.low, truth) - margin, max(p.high, truth) + margin


def _called(p: Any) -> str:
    return units.named(p.name.replace("_", " "), p.units)


def _ends_of(p: Any) -> dict[float, str]:
    middle = (p.low + p.high) / 2
    return {value: f"{value:g}" for value in (p.low, middle, p.high)}


def _is_drawn(label: str) -> bool:
    """Whether a filter's parameters are: corrected, or left as the prior has them.

    Parameters that a filter ought to correct and does not are the prior's, which is there once.
    """
    of = filter_of(label)
    return of.corrects_parameters or not of.corrects


def _positive(values: list[float]) -> np.ndarray:
    """Values for a logarithmic axis: what is not positive and finite is left out."""
    array = np.array(values, np.float32)
    array[~((array > 0) & np.isfinite(array))] = np.nan
    return array
