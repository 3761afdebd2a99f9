"""Truths that a benchmark's solver cannot make: the same benchmark with other physics.

Filters that know the benchmark alone are wrong about such a truth, as models are about nature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ldensf_core.benchmarks.base import Benchmark

Same = TypeVar("Same", bound="Benchmark")

NONE = "none"
"""The name of no model error."""


@dataclass(frozen=True)
class ModelError:
    """Physics of a truth that differ from those that filters know.

    Attributes:
        title: for people, such as "deeper water (+10 %)".
        sentence: what differs.
        make: makes a new benchmark of the known one, with the same variables, parameters, grid and
            times.
    """

    title: str
    sentence: str
    make: Callable[[Any], Benchmark]


def altered(benchmark: Same, **attributes: Any) -> Same:
    """A new benchmark that is like another but for some attributes.

    Unlike those of ``copy``, it is a new one even if the other is registered.
    """
    new = object.__new__(type(benchmark))
    new.__dict__.update({**(benchmark.__getstate__() or {}), **attributes})
    return new


def changed(benchmark: Benchmark, name: str) -> Benchmark:
    """``benchmark`` with the physics of its model error ``name``, always the same object.

    Raises:
        ValueError: if it has no model error of that name.
    """
    if name == NONE:
        return benchmark
    errors = benchmark.model_errors
    if name not in errors:
        raise ValueError(
            f"model error {name!r} of {benchmark.name} is unknown; there are "
            f"{', '.join([NONE, *errors])}"
        )
    with _MAKING:
        made = _MADE.setdefault(benchmark, {})
        if name not in made:
            title = f"{benchmark.title}, {errors[name].title}"
            made[name] = altered(errors[name].make(benchmark), title=title)
        return made[name]


_MADE: WeakKeyDictionary[Benchmark, dict[str, Benchmark]] = WeakKeyDictionary()
"""By benchmark and name. Truths are kept by the object that makes them: equal ones share it."""
_MAKING = RLock()  # an error may be made of another one


def check_fits(truth_benchmark: Benchmark, benchmark: Benchmark) -> None:
    """Check that one benchmark can make truths for filters of another.

    Raises:
        ValueError: if variables, parameters, grid or times differ, naming what does.
    """
    for what in ("variables", "parameters"):
        mine, other = (
            ", ".join(f"{one.name} ({one.units})" for one in getattr(of, what))
            for of in (truth_benchmark, benchmark)
        )
        if mine != other:
            raise ValueError(f"truth_benchmark has the {what} {mine}; {other} are needed")
    if type(truth_benchmark.domain) is not type(benchmark.domain):
        kinds = (type(of.domain).__name__ for of in (truth_benchmark, benchmark))
        raise ValueError("truth_benchmark has a domain that is a {}; a {} is needed".format(*kinds))
    for axis in "xy":
        mine, other = getattr(truth_benchmark, axis), getattr(benchmark, axis)
        bounds = ((of.units, of.low, of.high, of.periodic) for of in (mine, other))
        if len(set(bounds)) > 1 or not _same(mine.points, other.points):
            raise ValueError(
                f"truth_benchmark has other {axis}: {_told(mine.points, mine.units)}; "
                f"{_told(other.points, other.units)} are needed, with the same bounds"
            )
    mine, other = truth_benchmark, benchmark
    if mine.time_units != other.time_units or not _same(mine.times, other.times):
        raise ValueError(
            f"truth_benchmark has other times: {_told(mine.times, mine.time_units)}; "
            f"{_told(other.times, other.time_units)} are needed"
        )


def _same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and bool(abs(one - other).max() <= 1e-6 * abs(other).max())


def _told(points: Any, units: str) -> str:
    return f"{len(points)} from {points[0]:g} to {points[-1]:g} {units}"
