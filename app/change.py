"""What can change during a run, as part of a scene's description."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationInfo, field_validator

from ldensf_app.allowed import Names, Positions, checked, measured, rounded
from ldensf_app.described import Described
from ldensf_core import SensorNetwork
from ldensf_core.benchmarks import Benchmark


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
        return None if value is None else checked(info.field_name, value)

    @property
    def given(self) -> dict[str, Any]:
        """What changes, by name."""
        return self.model_dump(exclude_none=True)


Changes = tuple[tuple[int, Change], ...]


def in_order(changes: Changes, benchmark: Benchmark) -> Changes:
    """The changes by ascending cycles, those of one cycle as one.

    Raises:
        ValueError: if a cycle is none of the run, or a change changes nothing or places sensors
            outside the domain.
    """
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
            given["variables"] = measured(benchmark, given["variables"])
        merged[cycle] = merged.get(cycle, {}) | given
    return tuple((cycle, Change(**merged[cycle])) for cycle in sorted(merged))


def library_changes(changes: Changes, benchmark: Benchmark) -> list[tuple[int, dict[str, Any]]]:
    """``changes`` of a valid scenario as a ``Twin`` of ``benchmark`` takes them."""
    found = []
    for cycle, change in changes:
        given = change.given
        if positions := given.pop("positions", None):
            given["sensors"] = SensorNetwork.at(benchmark, positions)
        found.append((cycle, given))
    return found
