"""Figures of numbers by time: errors, parameters, times, innovations; and ranks over many runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from scipy.stats import binom

from ldensf_app.colours import TRUTH_COLOUR, UNCORRECTED
from ldensf_app.figures import style
from ldensf_app.record import axes, lines
from ldensf_app.record.labels import looks, title
from ldensf_app.record.run import Run


def errors(result: xr.Dataset) -> hv.Overlay:
    """Relative RMSE of each filter's mean by time, and its spread, dotted.

    Error: ‖mean − truth‖ / ‖truth‖ over all variables, normalised. Spread: of the ensemble, on the
    same scale. The two are alike where a filter knows how wrong it is.

    Args:
        result: what ``TwinExperiment.run`` returns.

    Raises:
        ValueError: if it is another dataset.
    """
    run = Run(result)
    times, axis = run.time_axis
    dims = hv.Dimension("time", label=axis), hv.Dimension("rel_rmse", label="relative RMSE")
    of_spread = dims[0], hv.Dimension("rel_spread", label="relative spread")
    drawn = looks(run.filters)
    elements, curves = [], []
    for name in reversed(run.filters):
        error, spread = (run.series(n, name, positive=True) for n in ("rel_rmse", "rel_spread"))
        curves += [error, spread]
        dotted = drawn[name].colour, 1.5, lines.DOTTED
        elements.append(style.line(times, spread, of_spread, "", *dotted))
        elements += style.filter_line(times, error, dims, title(name), drawn[name], 2.5)
    low, high = axes.log_limits(curves, axes.LEAST, 0.02, 1.5)
    return style.figure(
        elements,
        "error, and spread (dotted)",
        (axis, "relative RMSE"),
        axes.margin(times),
        (low, high),
        logy=True,
        yticks=[(v, f"{100 * v:g} %") for v in style.PERCENT if low <= v <= high],
    )


def times(result: xr.Dataset) -> hv.Overlay:
    """Time of forecast and analysis together, of each filter at each cycle, in ms.

    Raises:
        ValueError: if ``result`` is another dataset.
    """
    run = Run(result)
    steps = np.arange(len(run.times), dtype=float)
    dims = hv.Dimension("step"), hv.Dimension("cycle_ms", label="time of a cycle", unit="ms")
    drawn = looks(run.filters)
    curves = {n: run.series("cycle_ms", n, positive=True) for n in run.filters}
    low, high = axes.log_limits(curves.values(), 1e-3, 0.5, 50.0)
    return style.figure(
        [
            element
            for name in reversed(run.filters)
            for element in style.filter_line(steps, curves[name], dims, title(name), drawn[name])
        ],
        "time of a cycle",
        ("step", "ms"),
        axes.margin(steps),
        (low, high),
        logy=True,
        yticks=[(v, f"{v:,g}") for v in axes.round_ticks(low, high)],
    )


def parameters(result: xr.Dataset) -> hv.Layout:
    """The ensemble of each parameter by time: its median, its central 90 %, and the truth.

    One figure for each parameter.

    Raises:
        ValueError: if ``result`` is another dataset.
    """
    run = Run(result)
    times_, axis = run.time_axis
    drawn = looks(run.filters)
    figures = []
    for parameter in run.parameters:
        named = run.named(parameter)
        dims = hv.Dimension("time", label=axis), hv.Dimension(parameter, label=named)
        truth = np.full(len(times_), float(run.result[parameter]))
        elements, curves = [], [truth]
        for name in reversed(run.filters):
            low, median, high = run.posterior(parameter, name)
            curves += [low, high]
            elements.append(style.band(times_, low, high, dims, drawn[name].colour))
            elements += style.filter_line(times_, median, dims, title(name), drawn[name])
        elements.append(style.line(times_, truth, dims, "truth", TRUTH_COLOUR, 1.5))
        told = "median and 90 % of the ensemble"
        limits = axes.limits(curves)
        figures.append(style.figure(elements, told, (axis, named), axes.margin(times_), limits))
    return style.page(figures, len(figures), style.WIDTH + 60, style.HEIGHT + 40)


def innovations(result: xr.Dataset) -> hv.Overlay:
    """χ²/n of each filter's latest innovations by time; 1 where all is well.

    Crosses mark cycles at which the observations disagree with a filter's model. The dotted line is
    the limit for this, for filters that have one: it falls with the number of measurements, of few
    of which large values are chance.

    Raises:
        ValueError: if ``result`` is another dataset.
    """
    run = Run(result)
    times_, axis = run.time_axis
    dims = hv.Dimension("time", label=axis), hv.Dimension("chi2", label="χ²/n")
    drawn = looks(run.filters)
    one = np.ones(len(times_))
    elements: list[Any] = [style.line(times_, one, dims, "expected", UNCORRECTED, 1.5)]
    curves = [one]
    for name in reversed(run.filters):
        found = run.series("chi2", name, positive=True)
        limit = run.limit(name)
        curves += [found, limit]
        if np.isfinite(limit).any():
            told = f"limit of {title(name)}"
            dotted = drawn[name].colour, 1.5, lines.DOTTED
            elements.append(style.line(times_, limit, dims, told, *dotted))
        elements += style.filter_line(times_, found, dims, title(name), drawn[name])
        if (bad := run.series("disagrees", name) == 1).any():
            dots = times_[bad], found[bad]
            elements.append(style.points(*dots, dims, "disagrees", drawn[name].colour, "x"))
    low, high = axes.log_limits(curves, 1e-3, 0.5, 2.0)
    return style.figure(
        elements,
        "innovations",
        (axis, "χ²/n"),
        axes.margin(times_),
        (low, high),
        logy=True,
        yticks=[(v, f"{v:g}") for v in axes.round_ticks(low, high)],
    )


BINS = 10
"""Of a rank histogram."""
FEWEST = 10
"""Runs of which a rank histogram tells something."""


def rank_histogram(results: Sequence[xr.Dataset], seed: int = 0) -> hv.Layout:
    """Ranks of the true parameters within the ensembles of many runs, at the last cycle.

    A result holds ensembles of the parameters, not of the fields, and the cycles of a run share
    their truth: so each run gives one rank for each filter and parameter, and many runs are
    needed, which differ in their seed. The histogram is flat where truth and members are draws of
    the same distribution, ∪-shaped where the ensemble is too narrow, ∩-shaped where it is too wide.
    The grey band holds 90 % of the counts of a flat one.

    With k of M members below the truth, (k + U) / (M + 1) is evenly distributed on [0, 1] if U is,
    for any M: the U are drawn with ``seed``. One figure for each parameter and filter.

    Args:
        results: what ``TwinExperiment.run`` returns, of at least ten runs of one benchmark.

    Raises:
        ValueError: if there are fewer, or if their parameters differ.
    """
    runs = [Run(one) for one in results] if not isinstance(results, xr.Dataset) else [Run(results)]
    if len(runs) < FEWEST:
        raise ValueError(
            f"{len(runs)} results: at least {FEWEST} runs with different seeds are needed, as each "
            "gives one rank only"
        )
    if len({run.parameters for run in runs}) > 1:
        raise ValueError(f"parameters {sorted({r.parameters for r in runs})}: results must agree")
    labels = list(dict.fromkeys(name for run in runs for name in run.filters))
    drawn, rng = looks(labels), np.random.default_rng(seed)
    figures = []
    for parameter in runs[0].parameters:
        for name in labels:
            ranks = _ranks([run for run in runs if name in run.filters], parameter, name, rng)
            figures.append(_histogram(ranks, parameter, name, drawn[name].colour))
    return style.page(figures, len(labels), style.WIDTH + 60, style.HEIGHT + 40)


def _ranks(runs: Sequence[Run], parameter: str, label: str, rng: np.random.Generator) -> np.ndarray:
    """One rank in [0, 1] of each run whose truth and last ensemble are known."""
    found = []
    for run in runs:
        truth, members = float(run.result[parameter]), run.ensemble(parameter, label)[-1]
        members = members[np.isfinite(members)]
        if np.isfinite(truth) and members.size:
            ties = rng.integers(1 + np.count_nonzero(members == truth))
            below = np.count_nonzero(members < truth) + ties
            found.append((below + rng.random()) / (members.size + 1))
    return np.array(found)


def _histogram(ranks: np.ndarray, parameter: str, label: str, colour: str) -> hv.Overlay:
    counts, edges = np.histogram(ranks, bins=BINS, range=(0, 1))
    low, high = binom.ppf((0.05, 0.95), len(ranks), 1 / BINS)
    dims = hv.Dimension("rank", label="rank of the truth"), hv.Dimension("runs")
    ends = np.array([0.0, 1.0])
    bars = style.styled(
        hv.Histogram((edges, counts), kdims=dims[0], vdims=dims[1]),
        {"fill_color": colour, "line_color": "white"},
        {"facecolor": colour, "edgecolor": "white"},
        alpha=0.8,
    )
    elements = [
        bars,
        style.band(ends, np.full(2, low), np.full(2, high), dims, TRUTH_COLOUR),
        style.line(ends, np.full(2, len(ranks) / BINS), dims, "", TRUTH_COLOUR, 1.5, lines.DASHED),
    ]
    return style.figure(
        elements,
        f"{title(label)}: {parameter.replace('_', ' ')}, {len(ranks)} runs",
        ("rank of the truth", "runs"),
        (0.0, 1.0),
        (0.0, 1.15 * max(float(counts.max()), float(high), 1.0)),
    )
