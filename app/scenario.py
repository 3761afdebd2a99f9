"""A scene as one validated description, without objects: presets, links and scripts are made of it.

A ``Scenario`` decides all numbers of a run, but for the device. Which values are allowed, the
settings and the library say; whatever they refuse is refused here in one sentence.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from ldensf_app.allowed import (
    MOST_CHANGES,
    AnyList,
    Names,
    Positions,
    checked,
    measured,
    one_of,
    rounded,
)
from ldensf_app.change import Change, Changes, in_order
from ldensf_app.described import Described
from ldensf_app.labels import name_of
from ldensf_app.settings import FULL_SPACE_MEMBERS, MEMBERS, sensor_choices
from ldensf_app.setup import DEFAULT_FILTERS, FULL_SPACE, classes, runnable
from ldensf_core import FILTERS, SensorNetwork, get_benchmark, list_benchmarks
from ldensf_core.benchmarks import Benchmark
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.filters.options import check_options
from ldensf_core.observations import LAYOUTS

BY_HAND = "at"
"""The layout of sensors at given positions, as ``SensorNetwork.at`` calls it."""


class Scenario(Described):
    """One scene. By default that of the dashboard; of another benchmark, on its own sensors.

    Attributes:
        benchmark: one of ``list_benchmarks``.
        filters: labels: a filter's name, or name and ensemble size, ``ld-ensf@5``.
        model_error: of the truth, one of the benchmark's or "none".
        positions: of sensors by hand, (x, y) in the benchmark's coordinates, as ``rounded`` gives
            them; None: ``sensors`` stand in a ``layout``.
        sensors: their number, by default the benchmark's; with ``positions`` that of these.
        layout: one of ``LAYOUTS``; with ``positions`` it is ``BY_HAND``.
        variables: names of the measured ones; None is all.
        every: snapshots 0, ``every``, 2 ``every``, … are observed.
        noise: as a fraction of each variable's standard deviation.
        missing: probability that a sensor reports nothing at an observation time.
        members, full_space_members: ensemble sizes of labels that give none.
        options: of filters that are other than usual, by filter and option; under all labels.
        seed: of truth, noise, ensemble and places of sensors.
        changes: cycles, ascending, and what changes from each on.

    Raises:
        ScenarioError: for the first value that is not allowed, naming it and what is.
    """

    benchmark: str = "tsunami"
    filters: Names = DEFAULT_FILTERS
    model_error: str = NONE
    positions: Positions | None = None
    sensors: int | None = None
    layout: str = LAYOUTS[0]
    variables: Names | None = None
    every: int = 1
    noise: float = 0.1
    missing: float = 0.0
    members: int = 20
    full_space_members: int = 20
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seed: int = 7
    changes: Annotated[
        tuple[Annotated[tuple[int, Change], AnyList], ...],
        AnyList,
        Field(max_length=MOST_CHANGES),
    ] = ()

    @field_validator("benchmark")
    @classmethod
    def _known(cls, name: str) -> str:
        return one_of(list_benchmarks(), name)  # get_benchmark alone would open files

    @field_validator("filters")
    @classmethod
    def _run(cls, labels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if (benchmark := _benchmark(info)) is None:
            return labels
        there = runnable(benchmark.name)
        for label in labels:
            name, _, size = label.partition("@")
            if name not in there:
                raise ValueError(f"allowed are {', '.join(there)}, each also as name@members")
            kind = classes(benchmark.name, [name])[name].kind
            sizes = FULL_SPACE_MEMBERS if kind == FULL_SPACE else MEMBERS
            if label != name and size not in map(str, sizes):
                raise ValueError(f"members of {name} are one of {', '.join(map(str, sizes))}")
        if len(set(labels)) < len(labels):
            raise ValueError("each can be there once, and again as name@members")
        return labels

    @field_validator("model_error")
    @classmethod
    def _of_benchmark(cls, name: str, info: ValidationInfo) -> str:
        benchmark = _benchmark(info)
        return name if benchmark is None else one_of([NONE, *benchmark.model_errors], name)

    @field_validator("positions")
    @classmethod
    def _inside(cls, positions: Any, info: ValidationInfo) -> Any:
        benchmark = _benchmark(info)
        return positions if None in (benchmark, positions) else rounded(benchmark, positions)

    @field_validator("sensors")
    @classmethod
    def _fills_a_grid(cls, n: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("positions") is not None:
            return len(info.data["positions"])
        if (benchmark := _benchmark(info)) is None:
            return n
        if n is None:
            return math.prod(benchmark.sensor_grid)
        return one_of(sensor_choices(benchmark), n)

    @field_validator("layout")
    @classmethod
    def _layout(cls, layout: str, info: ValidationInfo) -> str:
        by_hand = info.data.get("positions") is not None
        return BY_HAND if by_hand else one_of(LAYOUTS, layout)

    @field_validator("variables")
    @classmethod
    def _measured(cls, names: Any, info: ValidationInfo) -> Any:
        benchmark = _benchmark(info)
        return names if None in (benchmark, names) else measured(benchmark, names)

    @field_validator("every", "noise", "missing", "members", "full_space_members", "seed")
    @classmethod
    def _allowed(cls, value: float, info: ValidationInfo) -> float:
        return checked(info.field_name, value)

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict[str, dict[str, Any]], info: ValidationInfo) -> Any:
        chosen = {name_of(label) for label in info.data.get("filters", ())}
        for name, given in options.items():
            if "filters" in info.data and name not in chosen:
                raise ValueError(f"{name!r} is none of the filters {', '.join(sorted(chosen))}")
            if name in FILTERS:
                check_options(FILTERS[name], given, name)
        return options

    @field_validator("changes")
    @classmethod
    def _in_order(cls, changes: Changes, info: ValidationInfo) -> Changes:
        benchmark = _benchmark(info)
        return changes if benchmark is None else in_order(changes, benchmark)


def _benchmark(info: ValidationInfo) -> Benchmark | None:
    """That of the scenario; None if there is none, which is then the error."""
    name = info.data.get("benchmark")
    return None if name is None else get_benchmark(name)


def sensor_network(scenario: Scenario) -> SensorNetwork:
    """The sensors of a scenario, before any change."""
    benchmark = get_benchmark(scenario.benchmark)
    if scenario.positions is not None:
        return SensorNetwork.at(benchmark, scenario.positions)
    return SensorNetwork.place(benchmark, scenario.sensors, scenario.layout, scenario.seed)
