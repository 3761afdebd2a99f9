"""What figures need to know of a result: names, units, axes, times and series, from its dataset.

Figures are drawn from the dataset alone, so that a file read back is as good as a run of one's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from ldensf_app import units
from ldensf_app.limits import Limits
from ldensf_app.limits import centre as centre_of
from ldensf_core import FILTERS
from ldensf_core.benchmarks import BENCHMARKS
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.conventions import shown
from ldensf_core.domains import Axis
from ldensf_core.observations.innovation import WINDOW

BAND = (0.05, 0.5, 0.95)
"""Quantiles: the central 90 % and the median."""


class Run:
    """The record of a twin experiment, with the names and units that its figures bear.

    It has the attributes of a benchmark that ``units`` reads: ``x``, ``y``, ``times``,
    ``time_units``.

    Args:
        result: what ``TwinExperiment.run`` returns, or the same read from a file.

    Attributes:
        title: for people.
        x, y: axes of the grid.
        times: of the cycles, (T,), in ``time_units``.
        variables: names of the fields; ``parameters``: of the unknowns; ``filters``: labels.
        moving: whether there are fields of every cycle, not of one alone.

    Raises:
        ValueError: if ``result`` is not such a dataset.
    """

    def __init__(self, result: xr.Dataset) -> None:
        dims = getattr(result, "sizes", {})
        names = [str(n) for n in getattr(result, "data_vars", ())]
        self.variables = tuple(n for n in names if f"{n}_mean" in names and f"{n}_spread" in names)
        self.parameters = tuple(n for n in names if f"{n}_ensemble" in names)
        if not self.variables or not {"filter", "time", "y", "x"} <= set(dims):
            raise ValueError(
                f"result with {', '.join(names[:5]) or type(result).__name__}: the dataset of "
                "TwinExperiment.run is needed, with fields, their means and their spreads"
            )
        self.result = result
        self.title = str(result.attrs.get("title", "")).partition(":")[0] or "Twin experiment"
        self.x, self.y = (_axis(result[name]) for name in "xy")
        self.times = result["time"].values.astype(float)
        self.time_units = shown(result["time"].attrs.get("units", "1"))
        self.filters = tuple(map(str, result["filter"].values))
        self.moving = "time" in result[self.variables[0]].dims

    # -- what is asked for --------------------------------------------------------------

    def variable(self, name: str | None) -> Variable:
        """A variable by name; None is the one that its benchmark shows first, or the last.

        Mean and standard deviation are those of the truth here, or without it of the estimates.
        """
        if name is None:
            of = self.result.attrs.get("benchmark")
            name = BENCHMARKS[of].shown_first if of in BENCHMARKS else ""
            name = name if name in self.variables else self.variables[-1]
        if name not in self.variables:
            raise ValueError(f"variable {name!r}: one of {', '.join(self.variables)} is needed")
        array = self.result[name]
        values = array.values if array.notnull().any() else self.result[f"{name}_mean"].values
        values = values[np.isfinite(values)].astype(float)
        mean, std = (float(values.mean()), float(values.std())) if values.size else (0.0, 1.0)
        long_name, of_it = array.attrs.get("long_name", name), array.attrs.get("units", "1")
        return Variable(name, long_name, shown(of_it), mean, std or 1.0)

    def chosen(self, filters: Sequence[str] | None) -> tuple[str, ...]:
        """Labels of filters, checked; None is all."""
        if filters is None:
            return self.filters
        wanted = (filters,) if isinstance(filters, str) else tuple(filters)
        if not wanted or set(wanted) - set(self.filters):
            raise ValueError(f"filters {wanted}: some of {', '.join(self.filters)} are needed")
        return wanted

    def cycle(self, time: int) -> int:
        """Index of a cycle, counted from the end where it is negative.

        Raises:
            ValueError: if there is no such cycle, or if there are fields of another one only.
        """
        n = len(self.times)
        if not -n <= time < n:
            raise ValueError(f"time = {time}: an index from {-n} to {n - 1} is needed")
        if self.moving:
            return int(time) % n
        of_fields = int(self.result.attrs.get("cycle", n - 1))
        if time != -1 and time % n != of_fields:
            raise ValueError(
                f"time = {time}: this dataset holds fields of cycle {of_fields} only; "
                f"-1 or {of_fields} is needed"
            )
        return of_fields

    def need_moving(self, what: str) -> None:
        """Raise ``ValueError`` unless there are fields of every cycle."""
        if not self.moving:
            raise ValueError(
                f"{what} needs fields of every cycle, with the dimension time; this dataset holds "
                "those of one cycle only. TwinExperiment.run returns all"
            )

    # -- fields ---------------------------------------------------------------------------

    def truth(self, variable: str, cycle: int) -> np.ndarray:
        """The true field of a cycle, (ny, nx); NaN where it is unknown."""
        return self._at(self.result[variable], cycle)

    def estimate(self, variable: str, kind: str, label: str, cycle: int) -> np.ndarray:
        """The ``mean`` or the ``spread`` of a filter at a cycle, (ny, nx)."""
        of_filter = self.result[f"{variable}_{kind}"].isel(filter=self.filters.index(label))
        return self._at(of_filter, cycle)

    def _at(self, array: xr.DataArray, cycle: int) -> np.ndarray:
        array = array.isel(time=cycle) if "time" in array.dims else array
        return array.transpose("y", "x").values

    def latest(self, label: str, cycle: int) -> int:
        """The cycle that a filter's fields are of: ``cycle``, or an earlier one if it is behind."""
        if self.moving or "latest" not in self.result.coords:
            return cycle
        return int(self.result["latest"].values[self.filters.index(label)])

    @cached_property
    def sensors(self) -> np.ndarray:
        """Positions, (n, 2)."""
        return np.stack([self.result[f"sensor_{name}"].values for name in "xy"], axis=-1)

    def reporting(self, cycle: int) -> np.ndarray:
        """Whether each sensor has measured any variable at a cycle, (n,)."""
        measured = [self.measured(v)[cycle] for v in self.variables]
        return np.isfinite(measured).any(axis=0)

    def measured(self, variable: str) -> np.ndarray:
        """Measurements of a variable, (T, n), NaN where there is none."""
        return self.result[f"{variable}_observed"].transpose("time", "sensor").values

    def scales(self, variable: Variable) -> tuple[Limits, Limits]:
        """Colour scales for truth and estimates together, and for spreads, by the app's rule."""
        fields, spreads = Limits(symmetric=True), Limits(symmetric=False)
        fields.centre = centre_of(variable)
        return fields, spreads

    # -- series ---------------------------------------------------------------------------

    @property
    def time_axis(self) -> tuple[np.ndarray, str]:
        """Times of the cycles as they are plotted, (T,), and the name of that axis."""
        return units.time_axis(self)

    def moment(self, cycle: int) -> str:
        """Model time of a cycle, for people."""
        if len(self.times) > 1:
            return units.moment(self, cycle)
        return f"{self.times[cycle]:g}{units.unit(self.time_units)}"

    def series(self, name: str, label: str, positive: bool = False) -> np.ndarray:
        """Numbers of a filter by cycle, (T,); what is not finite, or not ``positive``, is NaN."""
        of_filter = self.result[name].isel(filter=self.filters.index(label))
        values = of_filter.values.astype(float)
        kept = np.isfinite(values) & ((values > 0) | (not positive))
        return np.where(kept, values, np.nan)

    def ensemble(self, parameter: str, label: str) -> np.ndarray:
        """A parameter's members by cycle, (T, M); NaN for members that a filter does not have."""
        of_filter = self.result[f"{parameter}_ensemble"].isel(filter=self.filters.index(label))
        return of_filter.transpose("time", "member").values.astype(float)

    def posterior(self, parameter: str, label: str) -> np.ndarray:
        """Low end of the central 90 % of a parameter, median, and high end, (3, T)."""
        bands = np.full((3, len(self.times)), np.nan)
        for cycle, members in enumerate(self.ensemble(parameter, label)):
            members = members[np.isfinite(members)]
            if members.size:
                bands[:, cycle] = np.quantile(members, BAND)
        return bands

    def limit(self, label: str) -> np.ndarray:
        """The largest χ²/n by cycle, (T,), with which the observations agree; NaN if unknown.

        Chance is allowed for by four standard deviations, see ``innovation.disagreement``.
        """
        name = label.partition("@")[0]
        limit = getattr(FILTERS[name], "limit", None) if name in FILTERS else None
        counts = sum(np.isfinite(self.measured(v)).sum(axis=1) for v in self.variables)
        found = np.full(len(counts), np.nan)
        for cycle in range(len(counts) if limit is not None else 0):
            latest = counts[: cycle + 1]
            if n := latest[latest > 0][-WINDOW:].sum():
                found[cycle] = limit + 4 * math.sqrt(2 / n)
        return found

    def named(self, name: str) -> str:
        """What a variable or a parameter is, with its units in brackets."""
        attributes = self.result[name].attrs
        return units.named(attributes.get("long_name", name), shown(attributes.get("units", "1")))


def _axis(array: xr.DataArray) -> Axis:
    points, attributes = array.values.astype(float), array.attrs
    half = (points[-1] - points[0]) / (len(points) - 1) / 2 if len(points) > 1 else 0.5
    return Axis(
        str(array.name),
        attributes.get("long_name", str(array.name)),
        shown(attributes.get("units", "1")),
        points,
        float(attributes.get("low", points[0] - half)),
        float(attributes.get("high", points[-1] + half)),
        bool(attributes.get("periodic", 0)),
    )


def tick_labels(axis: Any) -> list[tuple[float, str]]:
    """Ticks of a map along an axis of the domain, with their labels."""
    return list(units.ticks(axis).items())
