"""Curves by time or step, which can grow from cycle to cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ldensf_app.colours import TRUTH_COLOUR, UNCORRECTED, Look
from ldensf_app.pictures.sheet import INK, PALE, Room, Sheet
from ldensf_app.record import axes, lines
from ldensf_app.record.course import Course
from ldensf_app.record.labels import looks, title
from ldensf_app.record.run import Run

MARKER = 5.0
"""Points of a marker on a line."""
ASIDE = 42
"""Pixels by which a title begins left of the frame, above the numbers of the axis."""


class Curves:
    """One figure of curves.

    Args:
        x: positions of the cycles, (T,).
        ylim: limits of the vertical axis.
    """

    def __init__(
        self, sheet: Sheet, room: Room, x: np.ndarray, head: str, foot: str, ylim: tuple
    ) -> None:
        self.x, self.ax = x, sheet.axes(room)
        self.ax.set(xlim=axes.margin(x), ylim=ylim)
        self.ax.grid(color=PALE, linewidth=0.5, alpha=0.7)
        self.ax.set_axisbelow(True)
        title_ = self.ax.set_title("", color=INK, pad=5, loc="left", x=-ASIDE / room.width)
        sheet.fit(title_, head, room.width + ASIDE)
        self.ax.set_xlabel(foot, fontsize=0.9 * sheet.text, color=INK, labelpad=2)
        self.lines: list[tuple[Line2D, np.ndarray]] = []

    def line(
        self, y: np.ndarray, colour: str, width: float = 1.8, dash: Sequence[int] = (), **more: Any
    ) -> None:
        """Add a curve, (T,), broken where it is NaN; ``dash``: pixels of line and gap in turn."""
        drawn = {"color": colour, "linewidth": width, "linestyle": lines.linestyle(dash)}
        (artist,) = self.ax.plot(self.x, y, **drawn, **more)
        self.lines.append((artist, y))

    def filter_line(self, y: np.ndarray, look: Look, width: float = 1.8) -> None:
        """Add the curve of a filter in its colour and dash, with its markers."""
        step = lines.marker_step(len(y))
        self.line(y, look.colour, width, look.dash, markevery=step, **_marks(look))

    def dots(self, y: np.ndarray, colour: str, marker: str = "o") -> None:
        """Add points, (T,), where they are not NaN."""
        marks = {"marker": marker, "markersize": 4.0, "linestyle": "none", "color": colour}
        (artist,) = self.ax.plot(self.x, y, **marks)
        self.lines.append((artist, y))

    def band(self, low: np.ndarray, high: np.ndarray, colour: str) -> None:
        """Add a filled band."""
        self.ax.fill_between(self.x, low, high, color=colour, alpha=0.18, linewidth=0)

    def grow(self, cycle: int) -> None:
        """Show curves up to a cycle."""
        for artist, y in self.lines:
            artist.set_data(self.x[: cycle + 1], y[: cycle + 1])

    def mark(self, cycle: int) -> None:
        """Show where a cycle is."""
        self.ax.axvline(self.x[cycle], color=UNCORRECTED, linewidth=1.0, linestyle=":", zorder=1)

    def logarithmic(self, form: Callable[[float], str]) -> None:
        """Make the vertical axis logarithmic, with few and round ticks."""
        low, high = self.ax.get_ylim()
        self.ax.set_yscale("log")
        self.ax.set_ylim(low, high)
        axis = self.ax.yaxis
        axis.set_major_locator(FixedLocator(axes.round_ticks(low, high)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))


def errors(sheet: Sheet, room: Room, run: Run) -> Curves:
    """Error of each filter, and its spread, dotted."""
    x, foot = run.time_axis
    of = {n: [run.series(s, n, True) for s in ("rel_rmse", "rel_spread")] for n in run.filters}
    ylim = axes.log_limits([c for pair in of.values() for c in pair], axes.LEAST, 0.02, 1.5)
    made = Curves(sheet, room, x, "error, and spread (dotted)", foot, ylim)
    made.logarithmic(lambda value: f"{100 * value:g} %")
    for name, look in _drawn(run):
        error, spread = of[name]
        made.line(spread, look.colour, 1.2, lines.DOTTED)
        made.filter_line(error, look, 2.0)
    return made


def times(sheet: Sheet, room: Room, run: Run) -> Curves:
    """Time of each filter's cycles."""
    of = {name: run.series("cycle_ms", name, positive=True) for name in run.filters}
    ylim = axes.log_limits(of.values(), 1e-3, 0.5, 50.0)
    steps = np.arange(len(run.times), dtype=float)
    made = Curves(sheet, room, steps, "time of a cycle, ms", "step", ylim)
    made.logarithmic("{:,g}".format)
    made.ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for name, look in _drawn(run):
        made.filter_line(of[name], look)
    return made


def innovations(sheet: Sheet, room: Room, run: Run) -> Curves:
    """χ²/n of each filter, its limit dotted, and crosses where it is passed."""
    x, foot = run.time_axis
    of = {name: run.series("chi2", name, positive=True) for name in run.filters}
    limits = {name: run.limit(name) for name in run.filters}
    ylim = axes.log_limits([*of.values(), *limits.values()], 1e-3, 0.5, 2.0)
    made = Curves(sheet, room, x, "innovations, χ²/n", foot, ylim)
    made.logarithmic("{:g}".format)
    made.line(np.ones(len(x)), UNCORRECTED, 1.2)
    for name, look in _drawn(run):
        if np.isfinite(limits[name]).any():
            made.line(limits[name], look.colour, 1.2, lines.DOTTED)
        made.filter_line(of[name], look)
        if (bad := run.series("disagrees", name) == 1).any():
            made.dots(np.where(bad, of[name], np.nan), look.colour, "x")
    return made


def parameter(sheet: Sheet, room: Room, run: Run, name: str) -> Curves:
    """Median and central 90 % of each ensemble of a parameter, and the truth."""
    x, foot = run.time_axis
    truth = np.full(len(x), float(run.result[name]))
    of = {label: run.posterior(name, label) for label in run.filters}
    ylim = axes.limits([truth, *of.values()])
    made = Curves(sheet, room, x, run.named(name), foot, ylim)
    for label, look in _drawn(run):
        low, median, high = of[label]
        made.band(low, high, look.colour)
        made.filter_line(median, look)
    made.line(truth, TRUTH_COLOUR, 1.4)
    return made


def course(sheet: Sheet, room: Room, run: Run, variable: str, there: Course) -> Curves:
    """A variable at one place: each mean with its 90 %, the truth, and measurements."""
    x, foot = run.time_axis
    head = f"{run.named(variable)} at {there.place}"
    made = Curves(sheet, room, x, head, foot, axes.limits(there.curves))
    for name, look in _drawn(run):
        made.band(there.low[name], there.high[name], look.colour)
        made.filter_line(there.mean[name], look)
    made.line(there.truth, TRUTH_COLOUR, 1.4)
    if there.measured is not None:
        made.dots(there.measured, TRUTH_COLOUR)
    return made


def legend(sheet: Sheet, run: Run) -> None:
    """Names of the filters with their lines, and of the truth, in the upper right corner."""
    handles = [
        Line2D([], [], color=look.colour, linewidth=2.0, linestyle=lines.linestyle(look.dash),
               label=title(name), **_marks(look))
        for name, look in looks(run.filters).items()
    ]  # fmt: skip
    handles.append(Line2D([], [], color=TRUTH_COLOUR, linewidth=2.0, label="truth"))
    sheet.figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1 - 12 / sheet.width, 1 - 6 / sheet.height),
        ncols=min(len(handles), 6),
        frameon=False,
        fontsize=sheet.text,
        labelcolor=INK,
        handlelength=2.6,
        columnspacing=1.4,
        borderpad=0.2,
    )


def _marks(look: Look) -> dict[str, Any]:
    """A filter's markers as Matplotlib has them."""
    return {"marker": lines.MARKERS[look.marker], "markersize": MARKER, "markeredgewidth": 0.8}


def _drawn(run: Run) -> list[tuple[str, Look]]:
    """Labels and how they are drawn, the first last, so that it lies on top."""
    return list(reversed(looks(run.filters).items()))
