"""A twin: a truth that is known, and what is measured of it, before any filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.device import resolve_device
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.twin.conditions import Change, Conditions, at, timeline, whole
from ldensf_core.twin.own import own_observations
from ldensf_core.twin.truth import Truth, known_fields, trajectory, unknown_fields

STREAMS = {"truth": 1, "noise": 2, "prior": 3}
"""One seed is spread over independent streams, so that the truth is no member."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One snapshot of a twin.

    Attributes:
        index: of the snapshot. ``time``: in the benchmark's ``time_units``.
        truth: (V, ny, nx), physical units, on the CPU; NaN where nobody knows it.
        observation: none where the snapshot is not observed.
        assimilate: whether filters are to get the observation.
    """

    index: int
    time: float
    truth: Tensor
    observation: Observation | None
    assimilate: bool


class Twin:
    """Truth and observations. Iterate for one ``Moment`` a snapshot, always the same ones.

    Twins that differ only in how they are observed have the same truth. It is computed as moments
    are asked for, and the latest few are kept in memory.

    Args:
        benchmark: name or object.
        sensors: a network in the benchmark's domain; by default its own grid of sensors.
        noise: standard deviation, as a fraction of each variable's own; one for all, or by name.
        every: snapshots 0, ``every``, 2 ``every``, … are observed.
        seed: of everything random.
        device: ``auto``, ``cpu`` or ``cuda``.
        missing: probability that a sensor reports nothing at a time.
        truth: true parameters; by default drawn.
        truth_fields: own fields as the truth, instead of a run: variables (time, y, x) on the
            benchmark's grid. Parameters, where it holds them, count as the true ones.
        observations: own measurements instead of simulated ones, see ``own``. Without
            ``truth_fields`` or ``truth`` nobody then knows the truth.
        variables: names of those that the sensors measure; by default all.
        changes: what is other from a cycle on, by name of the argument:
            ``[(20, {"noise": 0.3}), (30, {"sensors": fewer}), (40, {"assimilate": False})]``; with
            ``assimilate`` false, filters do not get what is observed.

    Attributes:
        true_parameters: (P,), in their units; NaN where nobody knows them.

    Raises:
        ValueError: for any argument out of range, naming it and what is allowed.
    """

    def __init__(
        self,
        benchmark: str | Benchmark,
        sensors: SensorNetwork | None = None,
        noise: float | Mapping[str, float] = 0.1,
        every: int = 1,
        seed: int = 7,
        device: str | torch.device = "auto",
        missing: float = 0.0,
        truth: xr.Dataset | Mapping[str, float] | None = None,
        truth_fields: xr.Dataset | None = None,
        observations: xr.Dataset | None = None,
        variables: Iterable[str] | None = None,
        changes: Iterable[Change] = (),
    ) -> None:
        self.benchmark, self.device = get_benchmark(benchmark), resolve_device(device)
        self.every, self.seed = whole("every", every, 1), whole("seed", seed, 0)
        base = {"sensors": sensors, "noise": noise, "missing": missing, "variables": variables}
        self.changes = list(changes) if isinstance(changes, Iterable) else changes
        self._conditions = timeline(self.benchmark, base, self.changes)
        self._own: dict[int, Observation] | None = None
        if observations is not None:
            if sensors is not None:
                raise ValueError("sensors and observations: own observations have own sensors")
            self._own = own_observations(self.benchmark, observations)
        self.true_parameters, self._truth = self._true(truth, truth_fields)

    def __len__(self) -> int:
        return len(self._truth)

    def __iter__(self) -> Iterator[Moment]:
        for index in range(len(self)):
            yield self.moment(index)

    @property
    def sensors(self) -> SensorNetwork:
        """The network that observes the first snapshot."""
        if self._own:
            return self._own[min(self._own)].sensors
        return self.conditions(0).sensors

    @property
    def noise(self) -> float | dict[str, float]:
        """Of the first snapshot: one number, or by variable where they differ."""
        by_variable = self.conditions(0).noise
        if len(set(by_variable)) == 1:
            return by_variable[0]
        names = (v.name for v in self.benchmark.variables)
        return dict(zip(names, by_variable, strict=True))

    @property
    def missing(self) -> float:
        """Of the first snapshot."""
        return self.conditions(0).missing

    def conditions(self, index: int) -> Conditions:
        """How snapshot ``index`` is observed."""
        return at(self._conditions, index)

    def moment(self, index: int) -> Moment:
        """All about snapshot ``index``."""
        return Moment(
            index,
            float(self.benchmark.times[index]),
            self._truth[index],
            self.observation(index),
            self.conditions(index).assimilate,
        )

    def truth_at(self, index: int) -> Tensor:
        """The truth's fields at snapshot ``index``, (V, ny, nx), physical units, on the CPU."""
        return self._truth[index]

    def observation(self, index: int) -> Observation | None:
        """What is measured at snapshot ``index``, on the CPU: the same whenever it is asked."""
        if index % self.every:
            return None
        if self._own is not None:
            return self._own.get(index)
        now = self.conditions(index)
        return now.sensors.observe(
            self._truth[index],
            index,
            now.noise,
            now.missing,
            self.stream("noise"),
            now.variables,
        )

    def stream(self, name: str) -> int:
        """The seed of ``truth``, ``noise`` or ``prior``."""
        return int(np.random.SeedSequence([self.seed, STREAMS[name]]).generate_state(1)[0])

    def _true(self, truth: Any, truth_fields: xr.Dataset | None) -> tuple[np.ndarray, Truth]:
        """Parameters and fields of the truth."""
        benchmark = self.benchmark
        nobody = np.full(len(benchmark.parameters), np.nan)
        if truth_fields is not None:
            if truth is not None:
                raise ValueError("truth and truth_fields: give one of them")
            fields = known_fields(benchmark, truth_fields)
            names = [p.name for p in benchmark.parameters]
            if set(names) <= set(map(str, truth_fields.variables)):
                known = {name: truth_fields[name].values.item() for name in names}
                return benchmark.parameter_array(known), fields
            return nobody, fields
        if truth is None and self._own is not None:
            return nobody, unknown_fields(benchmark)
        if truth is None:
            truth = benchmark.sample_truth(self.stream("truth"))
        values = np.atleast_2d(benchmark.parameter_array(truth))
        if len(values) != 1:
            raise ValueError(f"truth holds {len(values)} trajectories: give one")
        return values[0], trajectory(benchmark, values[0], self.device)
