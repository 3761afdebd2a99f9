"""Figures of scores, one column of panels a benchmark.

Shown are medians and quartiles over truths; of times, medians over many cycles. What was not run is
a gap; what lies beyond an axis is drawn at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ldensf_app import units
from ldensf_app.colours import filter_colour
from ldensf_app.labels import full_title
from ldensf_core import FILTERS
from ldensf_core.benchmarks import get_benchmark
from report import timings
from report.score_tables import departing, layouts, title
from report.style import legend, line, mark, panels
from report.sweeps import Sweep

QUARTILES = (0.25, 0.5, 0.75)
LARGEST = 10.0
"""Where the axis of a relative RMSE ends."""
ERRORS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SHORTEST = 2e-5
"""What takes less is nothing, s: the analysis of a free run."""
RANKS = (1 / 16, 16.0)
"""The axis of a rank histogram, over the frequency in a reliable ensemble."""
NAMES = {
    "sensors": "number of sensors",
    "noise": "noise (standard deviations of the variable)",
    "every": "snapshots from one observation to the next",
    "members": "members",
}


def error_by_time(sweeps: Sequence[Sweep]) -> Figure:
    """Relative RMSE in the default setting."""
    figure, axes = panels(1, len(sweeps), sharey=True)
    for axis, sweep in zip(axes[0], sweeps, strict=True):
        times, name_of_axis = units.time_axis(get_benchmark(sweep.benchmark))
        for i, name in enumerate(sweep.filters):  # dashed lines over LD-EnSF's
            if run := sweep.run(name):
                low, middle, high = _quartiles(run.scores["rel_rmse"].values)
                axis.fill_between(times, low, high, color=filter_colour(name), alpha=0.2, lw=0)
                axis.plot(times, middle, markevery=(2 * i, 10), **line(name))
        axis.set(title=title(sweep), xlabel=name_of_axis)
    _of_errors(axes, "relative RMSE")
    legend(figure, axes)
    return figure


def error_along(sweeps: Sequence[Sweep], along: str) -> Figure:
    """Relative RMSE over the last quarter; of sensors one row of panels a layout."""
    rows = list(dict.fromkeys(o for sweep in sweeps for o in layouts(sweep, along)))
    figure, axes = panels(len(rows), len(sweeps), sharex="col", sharey=True)
    for column, sweep in zip(axes.T, sweeps, strict=True):
        points = departing(sweep, along)
        comparable = sweep.comparable(points)
        for axis, layout in zip(column, rows, strict=True):
            values = [point[along] for point in points if point["layout"] == layout]
            where = {"grid": ", on a grid", "random": ", at random"}[layout]
            axis.set_title(title(sweep) + where * (along == "sensors"))
            if not values:
                _not_run(axis)
                continue
            aside = (values[-1] / values[0]) ** np.linspace(-0.03, 0.03, len(comparable))
            for (name, every), factor in zip(comparable.items(), aside, strict=True):
                runs = [r for r, p in zip(every, points, strict=True) if p["layout"] == layout]
                if any(runs):
                    of = [_quartiles(run.final) if run else [np.nan] * 3 for run in runs]
                    low, middle, high = np.transpose(of)
                    bars = (middle - low, high - middle)
                    axis.errorbar(np.multiply(values, factor), middle, bars, **line(name))
            axis.set_xscale("log")
            ticks = sorted({point[along] for point in points})
            axis.xaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axis in axes[-1]:
        axis.set_xlabel(NAMES[along])
    _of_errors(axes, "relative RMSE, last quarter")
    legend(figure, axes)
    return figure


def rank_histograms(sweeps: Sequence[Sweep]) -> Figure:
    """Frequencies of the truth's ranks over that in a reliable ensemble, one row a benchmark."""
    names = [name for name in FILTERS if any(sweep.run(name) for sweep in sweeps)]
    size = (1.65, 1.9)
    figure, axes = panels(len(sweeps), len(names), size, sharex=True, sharey=True)
    for row, sweep in zip(axes, sweeps, strict=True):
        members = sweep.default["members"]
        for axis, name in zip(row, names, strict=True):
            axis.axhline(1, color="black", linewidth=0.8)
            if run := sweep.run(name):
                ranks = np.arange(members + 1)
                often = run.scores["rank_histogram"].values[:, ranks] * (members + 1)
                low, middle, high = np.clip(np.quantile(often, QUARTILES, axis=0), *RANKS)
                colour = filter_colour(name)
                axis.fill_between(ranks, low, high, step="mid", color=colour, alpha=0.3, lw=0)
                axis.step(ranks, middle, where="mid", color=colour, linewidth=1.6)
            else:
                _not_run(axis)
            axis.set(yscale="log", ylim=RANKS)
            axis.yaxis.set(major_locator=FixedLocator([0.1, 1, 10]), minor_locator=NullLocator())
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        row[0].set_ylabel(title(sweep), fontsize=8)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(full_title(name).replace(" (", "\n("), fontsize=8)
    figure.supxlabel("rank of the truth among the members", fontsize=9)
    figure.supylabel("times as often as if reliable", fontsize=9)
    return figure


def seconds(timed: Sequence[tuple[tuple[str, str], Sequence[timings.Row]]]) -> Figure:
    """Forecast and analysis of a cycle, one line a filter; one row of panels a device."""
    found = {row["filter"] for _, rows in timed for row in rows}
    names = [name for name in FILTERS if name in found]
    benchmarks, devices = (list(dict.fromkeys(which)) for which in zip(*dict(timed), strict=True))
    figure, axes = panels(len(devices), len(benchmarks), sharex=True, sharey=True)
    for (i, device), (j, benchmark) in product(enumerate(devices), enumerate(benchmarks)):
        axis, rows = axes[i, j], dict(timed).get((benchmark, device))
        if rows is None:
            _not_run(axis)
        for row in rows or ():
            name = row["filter"]
            place = len(names) - 1 - names.index(name)
            colour, (marker, _) = filter_colour(name), mark(name)
            for part, fill, aside in (("forecast", "full", 0.15), ("analysis", "none", -0.15)):
                time = row[f"{part}_ms"] / 1e3
                if time > SHORTEST:
                    axis.plot(time, place + aside, marker, color=colour, fillstyle=fill)
        axis.set(
            title=f"{get_benchmark(benchmark).title}\n{device}",
            xlabel="seconds a cycle" if i == len(devices) - 1 else "",
            xscale="log",
        )
        axis.set_yticks(range(len(names)), [full_title(name) for name in reversed(names)])
    for fill, part in (("full", "forecast"), ("none", "analysis")):
        axes[0, 0].plot([], [], "o", color="black", fillstyle=fill, label=part)
    legend(figure, axes)
    return figure


def _quartiles(errors: np.ndarray) -> np.ndarray:
    """Of errors (truth, ...), and not beyond the axis."""
    return np.minimum(np.quantile(errors, QUARTILES, axis=0), LARGEST)


def _not_run(axis: Axes) -> None:
    axis.text(0.5, 0.75, "not run", transform=axis.transAxes, ha="center")


def _of_errors(axes: np.ndarray, name: str) -> None:
    for row in axes:
        row[0].set(yscale="log", ylabel=name)
        row[0].yaxis.set(major_locator=FixedLocator(ERRORS), minor_locator=NullLocator())
        row[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
