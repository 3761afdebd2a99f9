"""A scene as one validated description, without objects: presets, links and scripts are made of it.

A ``Scenario`` decides all numbers of a run, but for the device. Which values are allowed, the
settings and the library say; whatever they refuse is refused here in one sentence.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ldensf_app.labels import name_of
from ldensf_app.settings import (
    FULL_SPACE_MEMBERS,
    INTERVALS,
    MEMBERS,
    Settings,
    sensor_choices,
)
from ldensf_app.setup import DEFAULT_FILTERS, FULL_SPACE, classes, runnable
from ldensf_core import FILTERS, SensorNetwork, get_benchmark, list_benchmarks
from ldensf_core.benchmarks import Axis, Benchmark
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.filters.options import check_options
from ldensf_core.observations import LAYOUTS

MOST_FILTERS, MOST_SENSORS, MOST_CHANGES = 6, 1024, 100
BY_HAND = "at"
"""The layout of sensors at given positions, as ``SensorNetwork.at`` calls it."""
LONGEST_MESSAGE = 500  # characters
SIZES = {"members": MEMBERS, "full_space_members": FULL_SPACE_MEMBERS}
SAID = {
    "bool_type": "true or false is needed",
    "dict_type": "values by name are needed",
    "extra_forbidden": "there is no such entry",
    "finite_number": "a finite number is needed",
    "float_type": "a number is needed",
    "int_type": "a whole number is needed",
    "missing": "this entry is missing",
    "model_type": "values by name are needed",
    "string_type": "a text is needed",
    "tuple_type": "a list is needed",
}
"""Our words for errors that pydantic describes in terms of Python."""

AnyList = Strict(False)  # lists of JSON and YAML become tuples
Position = Annotated[tuple[float, float], AnyList]
Positions = Annotated[tuple[Position, ...], AnyList, Field(min_length=1, max_length=MOST_SENSORS)]
Names = Annotated[tuple[str, ...], AnyList, Field(min_length=1, max_length=MOST_FILTERS)]


class ScenarioError(ValueError):
    """A value that cannot be taken; the message names it and what is allowed."""


class Described(BaseModel):
    """Immutable values by name, without any others; all errors are ``ScenarioError``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ScenarioError(explained(error)) from None


class Change(Described):
    """What is otherwise from a cycle on; None stays as it is.

    Attributes:
        noise, missing, every, members, variables, positions: as of a ``Scenario``.
        assimilate: whether filters get the observations.
    """

    noise: float | None = None
    missing: float | None = None
    every: int | None = None
    members: int | None = None
    variables: Names | None = None
    assimilate: bool | None = None
    positions: Positions | None = None

    @field_validator("noise", "missing", "every", "members")
    @classmethod
    def _allowed(cls, value: float | None, info: ValidationInfo) -> float | None:
        return None if value is None else _allowed(info.field_name, value)

    @property
    def given(self) -> dict[str, Any]:
        """What changes, by name."""
        return self.model_dump(exclude_none=True)


Changes = tuple[tuple[int, Change], ...]


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
        return _one_of(list_benchmarks(), name)  # get_benchmark alone would open files

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
        return name if benchmark is None else _one_of([NONE, *benchmark.model_errors], name)

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
        return _one_of(sensor_choices(benchmark), n)

    @field_validator("layout")
    @classmethod
    def _layout(cls, layout: str, info: ValidationInfo) -> str:
        by_hand = info.data.get("positions") is not None
        return BY_HAND if by_hand else _one_of(LAYOUTS, layout)

    @field_validator("variables")
    @classmethod
    def _measured(cls, names: Any, info: ValidationInfo) -> Any:
        benchmark = _benchmark(info)
        return names if None in (benchmark, names) else _variables(benchmark, names)

    @field_validator("every", "noise", "missing", "members", "full_space_members", "seed")
    @classmethod
    def _allowed(cls, value: float, info: ValidationInfo) -> float:
        return _allowed(info.field_name, value)

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
        if (benchmark := _benchmark(info)) is None:
            return changes
        merged: dict[int, dict[str, Any]] = {}
        for cycle, change in changes:
            if not 0 <= cycle < benchmark.n_times:
                raise ValueError(f"cycles are 0 to {benchmark.n_times - 1}, not {cycle}")
            given = change.given
            if not given:
                raise ValueError(
                    f"the one at cycle {cycle} changes nothing: give one or more of "
                    f"{', '.join(Change.model_fields)}"
                )
            if "positions" in given:
                given["positions"] = rounded(benchmark, given["positions"])
            if "variables" in given:
                given["variables"] = _variables(benchmark, given["variables"])
            merged[cycle] = merged.get(cycle, {}) | given
        return tuple((cycle, Change(**merged[cycle])) for cycle in sorted(merged))


# -- as the library's objects ----------------------------------------------------------------


def sensor_network(scenario: Scenario) -> SensorNetwork:
    """The sensors of a scenario, before any change."""
    benchmark = get_benchmark(scenario.benchmark)
    if scenario.positions is not None:
        return SensorNetwork.at(benchmark, scenario.positions)
    return SensorNetwork.place(benchmark, scenario.sensors, scenario.layout, scenario.seed)


def library_changes(changes: Changes, benchmark: Benchmark) -> list[tuple[int, dict[str, Any]]]:
    """``changes`` of a valid scenario as a ``Twin`` of ``benchmark`` takes them."""
    found = []
    for cycle, change in changes:
        given = change.given
        if positions := given.pop("positions", None):
            given["sensors"] = SensorNetwork.at(benchmark, positions)
        found.append((cycle, given))
    return found


def rounded(
    benchmark: Benchmark, positions: Iterable[Sequence[float]]
) -> tuple[tuple[float, float], ...]:
    """Positions (x, y) to a decimal that is a thousandth of the domain or finer.

    Links carry such short numbers: sensors that stand there from the start give the same run when
    a link is opened. Rounding again changes nothing.

    Raises:
        ValueError: as ``SensorNetwork.at``.
    """
    places = SensorNetwork.at(benchmark, list(positions)).positions
    x, y = (
        _rounded(axis, places[:, i]).tolist() for i, axis in enumerate((benchmark.x, benchmark.y))
    )
    return tuple(zip(x, y, strict=True))


def _rounded(axis: Axis, places: np.ndarray) -> np.ndarray:
    decimals = math.ceil(3 - math.log10(axis.high - axis.low))
    near = np.round(places, decimals).clip(axis.low, axis.high)
    return axis.within(near) + 0.0  # + 0.0 turns −0 into 0


# -- what is allowed --------------------------------------------------------------------------


def _benchmark(info: ValidationInfo) -> Benchmark | None:
    """That of the scenario; None if there is none, which is then the error."""
    name = info.data.get("benchmark")
    return None if name is None else get_benchmark(name)


def _one_of(allowed: Iterable[Any], value: Any) -> Any:
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"allowed are {', '.join(map(str, allowed))}")
    return value


def _allowed(name: str, value: Any) -> Any:
    """Check a value of the setting ``name``."""
    if name == "every":
        return _one_of(INTERVALS, value)
    if name in SIZES:
        return _one_of(SIZES[name], value)
    low, high = Settings.param[name].bounds
    if not low <= value <= high:
        raise ValueError(f"allowed is {low:g} to {high:g}")
    return value


def _variables(benchmark: Benchmark, names: Iterable[str]) -> tuple[str, ...]:
    """The names in the benchmark's order, each once."""
    there = [v.name for v in benchmark.variables]
    wanted = {_one_of(there, name) for name in names}
    return tuple(name for name in there if name in wanted)


def explained(error: ValidationError) -> str:
    """The first fault in one sentence of bearable length: which value, and what is allowed."""
    told = _first_fault(error)
    return told if len(told) <= LONGEST_MESSAGE else f"{told[:LONGEST_MESSAGE]} …"


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"]).lstrip(".")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ScenarioError):
        return f"{place}: {cause}"
    if first["type"] in ("too_long", "too_short"):
        least, most = (first["ctx"].get(f"{end}_length") for end in ("min", "max"))
        return f"{place}: {f'at least {least}' if most is None else f'at most {most}'} can be given"
    given = "" if first["type"] == "missing" else f" = {reprlib.repr(first['input'])}"
    return f"{place}{given}: {cause or SAID.get(first['type'], first['msg'])}"
