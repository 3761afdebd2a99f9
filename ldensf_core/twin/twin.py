"""A twin: a known truth and its observations, before any filter."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.benchmarks.model_errors import check_fits
from ldensf_core.benchmarks.prior import surprises
from ldensf_core.device import resolve_device
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.twin.conditions import Change, Conditions, at, timeline, whole
from ldensf_core.twin.own import own_observations
from ldensf_core.twin.truth import Truth, known_fields, trajectory, unknown_fields

STREAMS = {"truth": 1, "noise": 2, "prior": 3}
"""Independent random streams made of one seed, so that the truth is not a member."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One snapshot of a twin.

    Attributes:
        index: of the snapshot. ``time``: its time, in the benchmark's ``time_units``.
        truth: (V, ny, nx), physical units, on the CPU; NaN where unknown.
        observation: None if the snapshot is not observed.
        assimilate: whether filters get the observation.
    """

    index: int
    time: float
    truth: Tensor
    observation: Observation | None
    assimilate: bool


class Twin:
    """Truth and observations. Iterating gives one ``Moment`` a snapshot, the same each time.

    Twins that differ only in how they are observed share one truth. It is computed when a moment
    needs it, and the latest few truths are kept in memory.

    Args:
        benchmark: name or object.
        sensors: a network in the benchmark's domain; by default its own grid of sensors.
        noise: as a fraction of each variable's standard deviation; one for all, or by name.
        every: snapshots 0, ``every``, 2 ``every``, … are observed.
        seed: of all random draws.
        device: ``auto``, ``cpu`` or ``cuda``.
        missing: probability that a sensor reports nothing at a time.
        truth: true parameters; by default drawn from the prior or a test run. Values outside the
            prior, of which filters know nothing, are allowed with a ``UserWarning``, as far as the
            solver can run them.
        truth_fields: given fields as the truth, instead of a run: variables (time, y, x) on the
            benchmark's grid. Parameters in the dataset are taken as the true ones.
        observations: real measurements instead of simulated ones, see ``own``. Without
            ``truth_fields`` or ``truth`` the truth is then unknown.
        variables: names of the measured variables; by default all.
        changes: arguments that change, each from a cycle on:
            ``[(20, {"noise": 0.3}), (30, {"sensors": fewer}), (40, {"assimilate": False})]``; with
            ``assimilate`` false, filters do not get the observations.
        truth_benchmark: other physics that make the truth, with the same variables, parameters,
            grid and times: ``benchmark.with_error(...)``, or any. Filters know ``benchmark`` only.

    Attributes:
        truth_benchmark: that makes the truth; ``benchmark`` by default.
        true_parameters: (P,), in their units; NaN where unknown.

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
        truth_benchmark: Benchmark | None = None,
    ) -> None:
        self.benchmark, self.device = get_benchmark(benchmark), resolve_device(device)
        self.every, self.seed = whole("every", every, 1), whole("seed", seed, 0)
        self._base = {
            "sensors": sensors, "noise": noise, "missing": missing, "variables": variables
        }  # fmt: skip
        self.changes = list(changes) if isinstance(changes, Iterable) else changes
        self._conditions = timeline(self.benchmark, self._base, self.changes)
        self._own: dict[int, Observation] | None = None
        if observations is not None:
            if sensors is not None:
                raise ValueError("sensors and observations: give one; observations say where")
            self._own = own_observations(self.benchmark, observations)
        self.truth_benchmark = self.benchmark
        if truth_benchmark is not None and truth_benchmark is not self.benchmark:
            if not isinstance(truth_benchmark, Benchmark):
                raise ValueError(f"truth_benchmark {truth_benchmark!r}: a Benchmark is needed")
            if truth_fields is not None or (observations is not None and truth is None):
                raise ValueError(
                    "truth_benchmark: it makes no truth where truth_fields are given, nor for "
                    "observations without truth"
                )
            check_fits(truth_benchmark, self.benchmark)
            self.truth_benchmark = truth_benchmark
        self.true_parameters, self._truth = self._true(truth, truth_fields)
        for message in surprises(self.benchmark.parameters, self.true_parameters):
            warnings.warn(message, UserWarning, stacklevel=2)

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
        """Noise of the first snapshot: one number, or by variable where they differ."""
        by_variable = self.conditions(0).noise
        if len(set(by_variable)) == 1:
            return by_variable[0]
        names = (v.name for v in self.benchmark.variables)
        return dict(zip(names, by_variable, strict=True))

    @property
    def missing(self) -> float:
        """Probability of missing values at the first snapshot."""
        return self.conditions(0).missing

    def change(self, index: int, **changes: Any) -> None:
        """Change arguments from snapshot ``index`` on, as one of ``changes`` does.

        Raises:
            ValueError: for a change that cannot be made, naming it and what is allowed; nothing
                has changed then.
        """
        wanted = [*self.changes, (index, changes)]
        self._conditions = timeline(self.benchmark, self._base, wanted)
        self.changes = wanted

    def conditions(self, index: int) -> Conditions:
        """How snapshot ``index`` is observed."""
        return at(self._conditions, index)

    def moment(self, index: int) -> Moment:
        """Truth and observation at snapshot ``index``."""
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
        """The observation of snapshot ``index``, on the CPU: the same at every call."""
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
                return benchmark.parameter_array(known, beyond_prior=True), fields
            return nobody, fields
        if truth is None and self._own is not None:
            return nobody, unknown_fields(benchmark)
        if truth is None:
            truth = benchmark.sample_truth(self.stream("truth"))
        values = np.atleast_2d(self.truth_benchmark.parameter_array(truth, beyond_prior=True))
        if len(values) != 1:
            raise ValueError(f"truth holds {len(values)} trajectories: give one")
        return values[0], trajectory(self.truth_benchmark, values[0], self.device)
