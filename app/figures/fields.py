"""Figures of fields: maps of one cycle, and the course of a variable at one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from ldensf_app import units
from ldensf_app.colours import MISSING, TRUTH_COLOUR
from ldensf_app.figures import style
from ldensf_app.limits import Limits, extremes, palette
from ldensf_app.record import axes
from ldensf_app.record.course import course
from ldensf_app.record.labels import looks, title
from ldensf_app.record.run import Run, tick_labels

LEFT, RIGHT, ABOVE = 72, 84, 58
"""Pixels beside a map for numbers and the colour bar, and above and below it together."""
COLUMNS = 4
"""Of maps: truth, estimate, error, spread; a row for each filter."""


def maps(
    result: xr.Dataset,
    time: int = -1,
    variable: str | None = None,
    filters: Sequence[str] | None = None,
) -> hv.Layout:
    """Maps of the truth with its sensors, and of each filter's estimate, error and spread.

    A row for each filter, with the truth in the first. Truth and estimates share one colour scale,
    diverging about zero, or about the mean of a variable that keeps away from zero. All errors
    (mean − truth) share another, and all spreads one from zero. Sensors are filled where they have
    reported at this cycle, hollow where not.

    Args:
        result: what ``TwinExperiment.run`` returns. With fields of one cycle only, of that cycle.
        time: index of the cycle; negative ones count from the end.
        variable: name; by default the one that the benchmark shows first.
        filters: labels; by default all.

    Raises:
        ValueError: if there is no such cycle, variable or filter, naming it and what is allowed.
    """
    run = Run(result)
    cycle, names, of = run.cycle(time), run.chosen(filters), run.variable(variable)
    truth = run.truth(of.name, cycle)
    means = {name: run.estimate(of.name, "mean", name, cycle) for name in names}
    spreads = {name: run.estimate(of.name, "spread", name, cycle) for name in names}
    errors = {name: mean - truth for name, mean in means.items()}
    of_fields, of_spreads = run.scales(of)
    of_errors = Limits(symmetric=True)
    of_fields.follow(*map(extremes, (truth, *means.values())))
    of_spreads.follow(*map(extremes, spreads.values()))
    of_errors.follow(*map(extremes, errors.values()))
    figures: list[Any] = []
    for name in names:
        when, called = run.latest(name, cycle), title(name)
        late = "" if when == cycle else f", step {when}"
        if figures:
            figures.append(hv.Empty())
        else:
            told = f"truth, step {cycle}, {run.moment(cycle)}"
            image = _map(run, truth, of_fields, told, of.name, of.long_name, of.units)
            figures.append(hv.Overlay([image, *_sensors(run, cycle)]))
        for field, scale, kind, told in (
            (means[name], of_fields, "", called + late),
            (errors[name], of_errors, "error", f"{called}: mean − truth"),
            (spreads[name], of_spreads, "spread", f"{called}: spread"),
        ):
            what = f"{of.long_name}, {kind}" if kind else of.long_name
            name_of = f"{of.name}_{kind}" if kind else of.name
            figures.append(_map(run, field, scale, told, name_of, what, of.units))
    width, height = map_size(run)
    return style.page(figures, COLUMNS, width + 170, height + 90)


def map_size(run: Run) -> tuple[int, int]:
    """Width and height of a map in pixels."""
    root = float(np.sqrt(units.aspect(run)))
    return round(style.MAP * root), round(style.MAP / root)


def _map(
    run: Run, field: np.ndarray, scale: Limits, told: str, name: str, what: str, unit: str
) -> hv.Image | hv.Rectangles:
    """A field (ny, nx) at the points of the grid, with a colour bar in its units.

    A field that is NaN everywhere is a grey rectangle: HoloViews warns of its range.
    """
    width, height = map_size(run)
    frame: dict[str, Any] = {
        "bokeh": {"width": width + LEFT + RIGHT, "height": height + ABOVE, "hooks": [_leave_room]},
        "mpl": {"aspect": width / height, "fig_inches": width / style.INCH},
        "title": told,
        "xlabel": "",
        "ylabel": "",
        "xticks": tick_labels(run.x),
        "yticks": tick_labels(run.y),
    }
    dims = [hv.Dimension(axis.name, label=axis.long_name) for axis in (run.x, run.y)]
    if not np.isfinite(field).any():
        ground = hv.Rectangles(
            [(run.x.low, run.y.low, run.x.high, run.y.high)],
            [f"{end}_{axis}" for end in ("low", "high") for axis in "xy"],
        )
        return style.styled(ground, **frame, color=MISSING)
    image = hv.Image(
        (run.x.points, run.y.points, field),
        dims,
        hv.Dimension(name, label=what, unit=None if unit == "1" else unit),
    )
    bar = {"width": 10, "padding": 4, "margin": 0}
    frame["bokeh"] |= {"colorbar_opts": bar, "tools": ["hover"]}
    return style.styled(
        image,
        **frame,
        cmap=palette("balance" if scale.symmetric else "tempo"),
        clim=(scale.low, scale.high),
        colorbar=True,
        clabel=units.named("", unit).strip(" ()"),
    )


def _leave_room(plot: Any, element: Any) -> None:
    """Room in Bokeh for the numbers of the axis and of the colour bar, the same with and without.

    It is not kept where the size of the frame is given: last digits of the numbers are cut off.
    """
    plot.state.update(min_border_left=LEFT, min_border_right=RIGHT)


def _sensors(run: Run, cycle: int) -> list[hv.Points]:
    """The sensors that have reported, filled, and the others, hollow."""
    reporting, dims = run.reporting(cycle), ["x", "y"]
    found = []
    for label, there, filled in (("reporting", reporting, True), ("silent", ~reporting, False)):
        if there.any():
            x, y = run.sensors[there].T
            size = float(np.clip(55 / np.sqrt(len(run.sensors)), 2.5, 7.0))
            element = style.styled(
                hv.Points((x, y), dims, label=label),
                {
                    "size": size,
                    "fill_color": TRUTH_COLOUR,
                    "fill_alpha": 0.9 * filled,
                    "line_color": "white" if filled else TRUTH_COLOUR,
                    "line_width": 0.8,
                },
                {
                    "s": size**2,
                    "facecolors": TRUTH_COLOUR if filled else "none",
                    "edgecolors": "white" if filled else TRUTH_COLOUR,
                    "linewidth": 0.6,
                },
                show_legend=False,
            )
            found.append(element)
    return found


def fan(
    result: xr.Dataset,
    x: float,
    y: float,
    variable: str | None = None,
    filters: Sequence[str] | None = None,
) -> hv.Overlay:
    """A variable by time at one place: the truth, and each filter's mean with its 90 % band.

    Fields are those of the nearest grid point. The band is mean ± 1.645 spread: 90 % of a Gaussian.
    Measurements are drawn if a sensor stands within a grid step of the place along either axis.

    Args:
        x, y: the place, in the units of the axes.
        result, variable, filters: as for ``maps``.

    Raises:
        ValueError: if the place is outside the domain, or if there are fields of one cycle only.
    """
    run = Run(result)
    of, names = run.variable(variable), run.chosen(filters)
    there = course(run, x, y, of.name, names)
    times, axis = run.time_axis
    dims = hv.Dimension("time", label=axis), hv.Dimension(of.name, label=of.long_name)
    drawn = looks(run.filters)
    elements: list[Any] = []
    for name in reversed(names):
        ends = there.low[name], there.high[name]
        elements.append(style.band(times, *ends, dims, drawn[name].colour))
        elements += style.filter_line(times, there.mean[name], dims, title(name), drawn[name])
    elements.append(style.line(times, there.truth, dims, "truth", TRUTH_COLOUR, 1.5))
    if there.measured is not None:
        known = np.isfinite(there.measured)
        dots = times[known], there.measured[known]
        elements.append(style.points(*dots, dims, "measured", TRUTH_COLOUR))
    return style.figure(
        elements,
        f"at {there.place}",
        (axis, run.named(of.name)),
        axes.margin(times),
        axes.limits(there.curves),
    )
