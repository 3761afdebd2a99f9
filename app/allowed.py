"""Which values a scene and its changes may have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, Strict

from ldensf_app.settings import FULL_SPACE_MEMBERS, INTERVALS, MEMBERS, Settings
from ldensf_core import SensorNetwork
from ldensf_core.benchmarks import Axis, Benchmark

MOST_FILTERS, MOST_SENSORS, MOST_CHANGES = 6, 1024, 100
SIZES = {"members": MEMBERS, "full_space_members": FULL_SPACE_MEMBERS}

AnyList = Strict(False)  # lists of JSON and YAML become tuples
Position = Annotated[tuple[float, float], AnyList]
Positions = Annotated[tuple[Position, ...], AnyList, Field(min_length=1, max_length=MOST_SENSORS)]
Names = Annotated[tuple[str, ...], AnyList, Field(min_length=1, max_length=MOST_FILTERS)]


def one_of(allowed: Iterable[Any], value: Any) -> Any:
    """The value, which is among those that are allowed.

    Raises:
        ValueError: if it is not, naming them.
    """
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"allowed are {', '.join(map(str, allowed))}")
    return value


def checked(name: str, value: Any) -> Any:
    """A value of the setting ``name``, which is allowed.

    Raises:
        ValueError: if it is not, saying what is.
    """
    if name == "every":
        return one_of(INTERVALS, value)
    if name in SIZES:
        return one_of(SIZES[name], value)
    low, high = Settings.param[name].bounds
    if not low <= value <= high:
        raise ValueError(f"allowed is {low:g} to {high:g}")
    return value


def measured(benchmark: Benchmark, names: Iterable[str]) -> tuple[str, ...]:
    """Names of measured variables in the benchmark's order, each once.

    Raises:
        ValueError: if it has no such variable.
    """
    there = [v.name for v in benchmark.variables]
    wanted = {one_of(there, name) for name in names}
    return tuple(name for name in there if name in wanted)


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
