"""Tables of scores, by benchmark: the default setting, departures from it, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ldensf_app.labels import full_title
from ldensf_core import FILTERS
from ldensf_core.benchmarks import get_benchmark
from ldensf_core.observations import LAYOUTS
from report import timings
from report.page import column, number, table
from report.sweeps import Run, Sweep

AXES = {
    "sensors": ("Number of sensors", "sensors"),
    "noise": ("Noise of the observations", "noise"),
    "every": ("Rare observations", "every"),
    "members": ("Ensemble size", "members"),
}
"""Title of the section, and what stands in front of a value."""


def scores(sweep: Sweep) -> str:
    """All filters in the default setting; empty if there is none."""
    runs = _default(sweep)
    if not runs:
        return ""
    expected = 0.9 * (sweep.default["members"] - 1) / (sweep.default["members"] + 1)
    columns = {
        "relative RMSE": ("rel_rmse", 0.0),
        "last quarter": ("rel_rmse_final", 0.0),
        "CRPS": ("crps", 0.0),
        "spread over error": ("spread_skill", 1.0),
        f"covered ({expected:.2f})": ("coverage90", expected),
        "error of the parameters": ("parameter_error", 0.0),
    }
    cells = [column([run[key] for run in runs.values()], to) for key, to in columns.values()]
    quartiles = [
        " to ".join(map(number, np.quantile(run.final, [0.25, 0.75]))) for run in runs.values()
    ]
    cells.insert(2, quartiles)
    head = ["filter", "truths", *columns]
    head.insert(4, "its quartiles over truths")
    lines = [
        [full_title(name), str(run.row["truths"]), *line]
        for (name, run), line in zip(runs.items(), zip(*cells, strict=True), strict=True)
    ]
    note = f"{_not_run(runs)} {_unequal(runs.values())}"
    return _titled(sweep, table(head, lines), setting(sweep), note)


def departures(sweep: Sweep, along: str) -> str:
    """Error in the last quarter along one axis, all others as by default.

    Empty without two values to compare; of sensors with a column for each layout.
    """
    points = departing(sweep, along)
    runs = sweep.comparable(points)
    if len(points) < 2 or not runs:
        return ""
    cells = [
        column([run and run["rel_rmse_final"] for run in of])
        for of in zip(*runs.values(), strict=True)
    ]
    lines = [
        [full_title(name), *numbers]
        for name, numbers in zip(runs, zip(*cells, strict=True), strict=True)
    ]
    head = ["filter", *(_name(along, point) for point in points)]
    every = [run for line in runs.values() for run in line]
    (truths,) = {len(run.truths) for run in every if run}
    of = f"{setting(sweep, but=along)}, {truths} truth{'s' * (truths > 1)}"
    return _titled(sweep, table(head, lines), of, "– was not run." * (None in every))


def departing(sweep: Sweep, along: str) -> list[dict[str, Any]]:
    """Values of one axis that were run, each with a layout of sensors."""
    return [
        {"layout": layout, along: value}
        for layout in layouts(sweep, along)
        for value in sweep.values(along, layout=layout)
    ]


def seconds(benchmark: str, device: str, rows: Sequence[timings.Row]) -> str:
    """What a cycle takes on one device, the free run out of contest."""
    times = [[row[f"{part}_ms"] for row in rows] for part in ("forecast", "analysis", "cycle")]
    assimilate = [FILTERS[row["filter"]].corrects for row in rows]
    cells = [column(values, contends=assimilate) for values in times]
    lines = [
        [full_title(row["filter"]), *line]
        for row, line in zip(rows, zip(*cells, strict=True), strict=True)
    ]
    head = ["filter", "forecast, ms", "analysis, ms", "cycle, ms"]
    name = get_benchmark(benchmark).title
    return f"**{name}**, {device}, {rows[0]['members']} members\n\n{table(head, lines)}"


def layouts(sweep: Sweep, along: str) -> list[str]:
    """Layouts of sensors for which an axis was run: of all axes but their number, the default."""
    allowed = LAYOUTS if along == "sensors" else [sweep.default["layout"]]
    return [name for name in allowed if sweep.values(along, layout=name)]


def title(sweep: Sweep) -> str:
    """What a benchmark is called."""
    return get_benchmark(sweep.benchmark).title


def setting(sweep: Sweep, but: str = "") -> str:
    """The default setting in words, but for one thing."""
    of: Mapping[str, Any] = sweep.default
    words = {
        "sensors": f"{of['sensors']} sensors on a grid",
        "noise": f"noise {of['noise']}",
        "every": "every snapshot observed",
        "members": f"{of['members']} members",
    }
    return ", ".join(word for axis, word in words.items() if axis != but)


def _default(sweep: Sweep) -> dict[str, Run]:
    runs = {name: sweep.run(name) for name in sweep.filters}
    return {name: run for name, run in runs.items() if run is not None}


def _titled(sweep: Sweep, lines: str, of: str, note: str) -> str:
    return f"**{title(sweep)}**, {of}\n\n{lines}\n\n{note.strip()}".strip()


def _not_run(runs: Mapping[str, Run]) -> str:
    names = [full_title(name) for name in FILTERS if name not in runs]
    return f"Not run: {', '.join(names)}." if names else ""


def _unequal(runs: Iterable[Run | None]) -> str:
    """A warning, where truths are not the same for all."""
    same = len({tuple(run.scores["truth"].values) for run in runs if run}) == 1
    return "" if same else "Not all are of the same truths: part of a difference may be theirs."


def _name(along: str, point: Mapping[str, Any]) -> str:
    name = f"{AXES[along][1]} {point[along]:g}"
    return f"{name}, {point['layout']}" if along == "sensors" else name
