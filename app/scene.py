"""All figures of the page, and what of a run each of them shows."""

from __future__ import annotations

from typing import Any

from bokeh.models import Range1d

from ldensf_app import readout, units
from ldensf_app.curves import ErrorCurves, StepTimes
from ldensf_app.limits import Limits
from ldensf_app.maps import FieldMap, Sensors
from ldensf_app.unknowns import ParameterCloud, ParameterTrack
from ldensf_app.view import View
from ldensf_core.filters import KINDS

TRUTH, SPREAD = "truth", "spread"
MAPS = (TRUTH, *KINDS, SPREAD)


class Scene:
    """Four maps and the figures beside them, created once.

    Attributes:
        maps: by what they show, ``MAPS``; those of the two kinds of filters, which of them
            ``View.shown`` says.
        benchmark: whose names and units stand on the figures.
        quantities: what each map shows, with its unit.
    """

    def __init__(self) -> None:
        self.fields, self.spreads = Limits(symmetric=True), Limits(symmetric=False)
        self._ranges = Range1d(0, 1), Range1d(0, 1)
        self.maps = {
            name: FieldMap(self.spreads if name == SPREAD else self.fields, *self._ranges)
            for name in MAPS
        }
        self.sensors = Sensors(self.maps[TRUTH])
        self.errors, self.times = ErrorCurves(), StepTimes()
        self.cloud, self.track = ParameterCloud(), ParameterTrack()
        self.quantities: dict[str, str] = {}
        self.benchmark: Any = None
        self.variable = 0

    def describe(self, benchmark: Any, variable: int) -> None:
        """Put the names and units of a benchmark, and of one of its variables, on all figures."""
        self.benchmark, self.variable = benchmark, variable
        v = benchmark.variables[variable]
        for name, field_map in self.maps.items():
            quantity = f"σ({symbol(v)})" if name == SPREAD else symbol(v)
            self.quantities[name] = units.named(quantity, v.units)
            field_map.describe(benchmark, variable, quantity)
        for axis, bokeh_range in zip((benchmark.x, benchmark.y), self._ranges, strict=True):
            bokeh_range.update(start=axis.low, end=axis.high)
        for plot in (self.errors, self.times, self.unknowns):
            plot.describe(benchmark)
        self.fields.expect(v)
        self.spreads.expect(v)

    @property
    def unknowns(self) -> ParameterCloud | ParameterTrack:
        """The figure that suits the number of the benchmark's parameters."""
        return self.track if len(self.benchmark.parameters) == 1 else self.cloud

    def forget_limits(self) -> None:
        """Let the next fields set the colour limits alone."""
        self.fields.forget()
        self.spreads.forget()

    def show(self, view: View) -> None:
        """Draw the snapshots of ``view``."""
        lead = view.lead
        if lead.index <= 0:
            self.forget_limits()
        fields = {TRUTH: None if lead.truth is None else lead.truth[self.variable]}
        for place, name in zip(KINDS, view.shown, strict=True):
            fields[place] = self._field(view, name, "mean")
        self.fields.follow(*(field for field in fields.values() if field is not None))
        fields[SPREAD] = self._field(view, readout.shown_filter(view), "spread")
        if fields[SPREAD] is not None:
            self.spreads.follow(fields[SPREAD])
        for name, field_map in self.maps.items():
            field_map.show(fields[name])
        positions = None if lead.sensors is None else lead.sensors.positions
        self.sensors.show(positions, lead.silent)
        history = view.history()
        self.errors.show(history)
        self.times.show(history)
        self.unknowns.show(history, lead.true_parameters)

    def _field(self, view: View, name: str, kind: str) -> Any:
        snapshot = view.of(name)
        return getattr(snapshot, kind)[name][self.variable] if snapshot else None


def symbol(variable: Any) -> str:
    """How a variable is written."""
    return variable.symbol or variable.name


def first_shown(benchmark: Any) -> int:
    """Index of the variable that is shown first: the one that the benchmark says, or the last."""
    names = [v.name for v in benchmark.variables]
    return names.index(benchmark.shown_first) if benchmark.shown_first else len(names) - 1
