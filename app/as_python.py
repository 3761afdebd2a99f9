"""A scene as a short script that gives the same numbers in Python, and draws them."""

from __future__ import annotations

import json
import math
from inspect import signature
from typing import Any

from ldensf_app.change import library_changes
from ldensf_app.labels import members_of, name_of
from ldensf_app.scenario import Scenario, sensor_network
from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.twin.twin import Twin

WIDTH, INDENT = 100, 4
BRACKETS = {list: "[]", tuple: "()", dict: "{}"}


class Code(str):
    """Text that is code already, such as the name of a variable."""


def as_python(scenario: Scenario, cycle: int = -1) -> str:
    """The script, formatted as ``ruff format`` does with lines of 100 characters.

    It gives the page's numbers on the same kind of device. Its last line is all figures of the run,
    which a notebook shows below the cell.

    Args:
        cycle: index of the one that is mapped; negative ones count from the end.
    """
    benchmark = get_benchmark(scenario.benchmark)
    lines = [
        "import holoviews as hv",
        "",
        "import ldensf_core as ld",
        "from ldensf_app import figures",
        "",
        f"benchmark = ld.get_benchmark({_line(scenario.benchmark)})",
    ]
    arguments: dict[str, Any] = {"filters": _filters(scenario)}
    sensors = sensor_network(scenario)
    if sensors != SensorNetwork.grid(benchmark, *benchmark.sensor_grid):
        arguments["sensors"] = Code("sensors")
        if scenario.positions is None:
            seed = "" if scenario.layout == "grid" else f", seed={scenario.seed}"
            of = f"{scenario.sensors}, {_line(scenario.layout)}{seed}"
            lines.append(f"sensors = ld.SensorNetwork.place(benchmark, {of})")
        else:
            lines += _placed("sensors", sensors)
    for name in ("noise", "every", "members", "full_space_members", "seed", "missing"):
        arguments[name] = getattr(scenario, name)
    if scenario.full_space_members == scenario.members:
        del arguments["full_space_members"]  # which are as many by default
    arguments["options"] = {
        label: scenario.options[name_of(label)]
        for label in scenario.filters
        if scenario.options.get(name_of(label))
    }
    arguments["variables"] = None if scenario.variables is None else list(scenario.variables)
    if scenario.model_error != NONE:
        error = f"benchmark.with_error({_line(scenario.model_error)})"
        arguments["truth_benchmark"] = Code(error)
    changes = library_changes(scenario.changes, benchmark)
    for cycle, given in changes:
        if "sensors" in given:
            name = f"sensors_from_{cycle}"
            lines += _placed(name, given["sensors"])
            given["sensors"] = Code(name)
    arguments["changes"] = [
        (cycle, {n: list(v) if isinstance(v, tuple) else v for n, v in given.items()})
        for cycle, given in changes
    ]
    usual = {
        name: one.default
        for of in (Twin, TwinExperiment)
        for name, one in signature(of).parameters.items()
    } | {"options": {}, "changes": []}
    lines += ["experiment = ld.TwinExperiment(", f"{'':{INDENT}}benchmark,"]
    for name, value in arguments.items():
        if value != usual[name]:
            lines.append(f"{_broken(value, INDENT, f'{name}=')},")
    lines += [
        ")",
        "result = experiment.run()",
        "print(result.rel_rmse.isel(time=-1).to_series())",
        "",
        'hv.extension("bokeh")  # or "matplotlib"',
        f"figures.board(result, time={cycle})  # or maps, errors, parameters alone",
        "",
    ]
    return "\n".join(lines)


def _filters(scenario: Scenario) -> Any:
    """A list of names, or a mapping from labels where one gives its ensemble size."""
    if not any(map(members_of, scenario.filters)):
        return list(scenario.filters)
    return {
        label: (name_of(label), {"members": size}) if (size := members_of(label)) else label
        for label in scenario.filters
    }


def _placed(name: str, sensors: SensorNetwork) -> list[str]:
    """Lines that make the network ``name`` of its positions."""
    positions = _broken(sensors.positions.tolist(), 0, f"{name.replace('sensors', 'positions')} = ")
    return [positions, f"{name} = ld.SensorNetwork.at(benchmark, {positions.partition(' ')[0]})"]


def _broken(value: Any, indent: int, before: str = "") -> str:
    """A value after ``before`` in one line, or where it is too long with one item a line."""
    start = f"{'':{indent}}{before}"
    line = f"{start}{_line(value)}"
    if len(line) < WIDTH or type(value) not in BRACKETS:  # one is left for a comma
        return line
    pairs = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    inside = [
        f"{_broken(one, indent + INDENT, '' if key is None else f'{_line(key)}: ')},"
        for key, one in pairs
    ]
    opening, closing = BRACKETS[type(value)]
    return "\n".join([f"{start}{opening}", *inside, f"{'':{indent}}{closing}"])


def _line(value: Any) -> str:
    """A value as Python in one line."""
    if isinstance(value, Code):
        return value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # in double quotes
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_line(key)}: {_line(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        opening, closing = BRACKETS[type(value)]
        return f"{opening}{', '.join(map(_line, value))}{closing}"
    return repr(value)
