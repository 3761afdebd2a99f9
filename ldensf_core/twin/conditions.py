"""How a twin is observed, and which of these conditions change during a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldensf_core.benchmarks import Benchmark
from ldensf_core.checks import is_number, is_whole
from ldensf_core.observations import SensorNetwork

LARGEST_NOISE = 10.0

Change = tuple[int, Mapping[str, Any]]
"""A cycle, and what changes from it on: ``(20, {"noise": 0.3})``."""


@dataclass(frozen=True)
class Conditions:
    """How a snapshot is observed.

    Attributes:
        sensors: the network.
        noise: (V,), for each variable, as a fraction of its standard deviation.
        every: snapshots whose index it divides are observed.
        missing: probability that a sensor reports nothing at a time.
        variables: names of the variables that are measured.
        assimilate: whether filters get the observations.
        members: ensemble size of latent filters; None where there are no filters.
    """

    sensors: SensorNetwork
    noise: tuple[float, ...]
    every: int
    missing: float
    variables: tuple[str, ...]
    assimilate: bool
    members: int | None = None

    @classmethod
    def checked(
        cls,
        benchmark: Benchmark,
        sensors: Any,
        noise: Any,
        every: Any,
        missing: Any,
        variables: Any,
        assimilate: Any,
        **sizes: Any,
    ) -> Conditions:
        """Check the arguments; None for ``sensors`` or ``variables`` takes the default.

        Args:
            sizes: ``members`` where there are filters.

        Raises:
            ValueError: for any argument out of range, naming it and what is allowed.
        """
        if sensors is None:
            sensors = SensorNetwork.grid(benchmark, *benchmark.sensor_grid)
        if not isinstance(sensors, SensorNetwork):
            raise ValueError(f"sensors {sensors!r}: a SensorNetwork is needed")
        if sensors.benchmark is not benchmark:
            raise ValueError(
                f"the sensors stand in {sensors.benchmark.name!r}, the experiment is in "
                f"{benchmark.name!r}: make them with this benchmark"
            )
        names = tuple(v.name for v in benchmark.variables)
        if isinstance(variables, str):
            variables = [variables]
        chosen = names if variables is None else tuple(variables)
        if not chosen or not set(chosen) <= set(names):
            raise ValueError(f"variables {list(chosen)}: choose of {', '.join(names)}")
        if not isinstance(assimilate, bool):
            raise ValueError(f"assimilate = {assimilate!r}: True or False is needed")
        if isinstance(noise, Mapping) and set(noise) != set(names):
            raise ValueError(f"noise of {list(noise)}: one number for each of {', '.join(names)}")
        by_variable = [noise[name] if isinstance(noise, Mapping) else noise for name in names]
        return cls(
            sensors,
            tuple(number("noise", value, 0.0, LARGEST_NOISE) for value in by_variable),
            whole("every", every, 1),
            number("missing", missing, 0.0, 1.0),
            tuple(name for name in names if name in chosen),
            assimilate,
            **{name: whole(name, size, 1) for name, size in sizes.items()},
        )


def timeline(
    benchmark: Benchmark, base: Mapping[str, Any], changes: Iterable[Change]
) -> list[tuple[int, Conditions]]:
    """All conditions with the cycle from which they hold, the first from 0.

    Args:
        base: arguments of ``Conditions.checked``; no others may change.

    Raises:
        ValueError: for a change that cannot be made, naming it and what is allowed.
    """
    now = dict(base)
    found = [(0, Conditions.checked(benchmark, **now))]
    possible = _checked(changes, benchmark.n_times, tuple(base))
    for change in sorted(possible, key=lambda change: change[0]):
        now |= change[1]
        found.append((change[0], Conditions.checked(benchmark, **now)))
    return found


def at(conditions: Sequence[tuple[int, Conditions]], index: int) -> Conditions:
    """The conditions that hold at a snapshot."""
    return next(of_then for start, of_then in reversed(conditions) if start <= index)


def number(name: str, value: Any, low: float, high: float) -> float:
    """``value`` as a float.

    Raises:
        ValueError: if it is no number from ``low`` to ``high``.
    """
    if not is_number(value, low, high):
        raise ValueError(f"{name} = {value!r}: allowed is {low:g} to {high:g}")
    return float(value)


def whole(name: str, value: Any, least: int) -> int:
    """``value`` as an int.

    Raises:
        ValueError: if it is no whole number of at least ``least``.
    """
    if not is_whole(value, least):
        raise ValueError(f"{name} = {value!r}: a whole number of at least {least} is needed")
    return int(value)


def changes_from(attribute: str, benchmark: Benchmark) -> list[Change]:
    """The changes of an earlier run, for the argument ``changes`` of a new one.

    Args:
        attribute: ``changes`` of the run's dataset: JSON, with sensors as lists of positions.
        benchmark: in whose domain the sensors stand.

    Raises:
        ValueError: if ``attribute`` is anything else, or a sensor is outside of the domain.
    """
    try:
        found = [(index, dict(change)) for index, change in json.loads(attribute)]
    except (TypeError, ValueError):
        raise ValueError(
            f"changes {attribute!r}: JSON is needed, a list of cycles and what changes at each"
        ) from None
    for _, change in found:
        if change.get("sensors") is not None:
            change["sensors"] = SensorNetwork.at(benchmark, change["sensors"])
    return found


def _checked(changes: Any, n_times: int, allowed: Sequence[str]) -> list[Change]:
    found = list(changes) if isinstance(changes, Iterable) else [changes]
    for change in found:
        pair = isinstance(change, Sequence) and len(change) == 2
        if not pair or not isinstance(change[1], Mapping) or not is_whole(change[0], 0):
            raise ValueError(f"change {change!r}: a cycle and what changes, by name, is needed")
        if change[0] >= n_times:
            raise ValueError(f"change at cycle {change[0]}: the last is {n_times - 1}")
        if "full_space_members" in change[1]:
            raise ValueError(
                "change of full_space_members: each of them is a run of the solver from the first "
                "snapshot on, so that another number needs a new experiment"
            )
        if unknown := [name for name in change[1] if name not in allowed]:
            raise ValueError(f"change of {unknown}: allowed are {', '.join(allowed)}")
    return found
