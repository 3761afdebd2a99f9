"""A twin experiment: a truth that is known, observed with noise, and filters that follow it."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.checks import is_number, is_whole
from ldensf_core.device import Stopwatch, kept, resolve_device
from ldensf_core.filters import (
    FILTERS,
    FULL_SPACE_FILTERS,
    LATENT_FILTERS,
    RULES,
    Estimate,
    Filter,
)
from ldensf_core.filters.full_space import prior_ensemble
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.twin.results import result_dataset
from ldensf_core.weights.checkpoints import load_pretrained
from ldensf_core.weights.model import LatentModel

LARGEST_NOISE = 10.0
SPLIT_EVERY = 5
"""Of every fifth observation, forecast and analysis are run and timed one after the other; of the
rest together, on a GPU in a single launch where the filter can."""
SHARED_TRUTHS = 4
"""Truths kept in memory for experiments to come; the largest, of the atmosphere, takes 100 MB."""
SEEDS = {"truth": 1, "noise": 2, "prior": 3}
"""One experiment's seed is spread over independent streams, so that the truth is no member."""


@dataclass(frozen=True, eq=False)
class FilterCycle:
    """One filter after one cycle.

    Attributes:
        estimate: with mean and spread already decoded.
        cycle_ms: time of forecast and analysis together, encoding included; at the initial
            snapshot there is no forecast, and without an observation no analysis. On a GPU it is
            that of the filter's stream, after what the filter prepares on the CPU (``expect``).
        forecast_ms, analysis_ms: of each by itself, where they were run one after the other:
            at every ``SPLIT_EVERY``-th observation; elsewhere NaN.
        decode_ms: time of decoding mean and spread.
    """

    estimate: Estimate
    cycle_ms: float
    forecast_ms: float
    analysis_ms: float
    decode_ms: float


@dataclass(frozen=True, eq=False)
class Cycle:
    """One snapshot of a twin experiment.

    Attributes:
        index: of the snapshot. ``time``: in the benchmark's ``time_units``.
        truth: (V, ny, nx), physical units, on the CPU.
        observation: none where the snapshot is not observed.
        filters: what each filter makes of it, by name.
    """

    index: int
    time: float
    truth: Tensor
    observation: Observation | None
    filters: Mapping[str, FilterCycle]


class Trajectory:
    """One run of the solver, computed snapshot by snapshot, as far as it is asked for.

    ``trajectory[index]`` are the fields (V, ny, nx) of a snapshot, in physical units, on the
    CPU: the same numbers as those of ``Benchmark.trajectories``. Threads may share it: whoever
    asks first for a snapshot computes it, others wait for it.

    Args:
        parameters: (1, P), in their units, on the device to compute on.
    """

    def __init__(self, benchmark: Benchmark, parameters: Tensor) -> None:
        self.benchmark, self.parameters = benchmark, parameters
        # Fields so far and the state behind the last of them: one tuple, so that whatever
        # interrupts a step never leaves one of the two a snapshot ahead of the other.
        self._reached: tuple[tuple[Tensor, ...], Tensor | None] = (), None
        self._computing = threading.Lock()

    def __len__(self) -> int:
        return self.benchmark.n_times

    def __getitem__(self, index: int) -> Tensor:
        if not 0 <= index < len(self):
            raise IndexError(f"snapshot {index}: there are {len(self)}")
        if index >= len(self._reached[0]):
            with self._computing:
                while index >= len(self._reached[0]):
                    self._compute_next()
        return self._reached[0][index]

    def _compute_next(self) -> None:
        fields, state = self._reached
        if state is None:
            state = self.benchmark.initial_state(self.parameters)
        else:
            advance = kept(self.benchmark.advance, state, self.parameters)
            state = advance(state, self.parameters)
        self._reached = (*fields, self.benchmark.fields(state)[0].cpu()), state


class TwinExperiment:
    """Truth, observations and filters in step. Iterate for one ``Cycle`` a snapshot.

    Experiments that differ only in ``filters`` see the same truth and the same observations.
    Iterating again starts the filters anew and gives the same run. The truth is computed as
    cycles are asked for, and the latest few are kept in memory for experiments with the same.

    Args:
        benchmark: name.
        filters: names, of ``FILTERS``.
        sensors: a network in the benchmark's domain; by default its own grid of sensors.
        noise: standard deviation, as a fraction of each variable's own.
        every: snapshots 0, ``every``, 2 ``every``, … are observed.
        members: ensemble size; ``full_space_members`` that of filters that run the PDE.
        seed: of everything random.
        device: ``auto``, ``cpu`` or ``cuda``.
        missing: probability that a sensor reports nothing at a time.
        truth: true parameters; by default the benchmark's ``sample_truth``.
        rule: analysis rule of LD-EnSF, ``gaussian`` or ``published``.
        model: of the latent filters, on ``device``; by default the shipped one is loaded.
        tuning: arguments of filters that run the PDE, by filter and name, such as
            ``{"letkf": {"radius": 200.0}}``; by default those of ``filters.tuning``.

    Raises:
        ValueError: for any argument out of range, naming it and what is allowed.
        CheckpointError: if a filter needs trained weights that cannot be loaded.
    """

    def __init__(
        self,
        benchmark: str,
        filters: Sequence[str] = ("ld-ensf", "ensf"),
        sensors: SensorNetwork | None = None,
        noise: float = 0.1,
        every: int = 1,
        members: int = 20,
        seed: int = 7,
        device: str | torch.device = "auto",
        missing: float = 0.0,
        full_space_members: int | None = None,
        truth: xr.Dataset | Mapping[str, float] | None = None,
        rule: str = "gaussian",
        model: LatentModel | None = None,
        tuning: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.benchmark = get_benchmark(benchmark)
        self.device = resolve_device(device)
        self.filters = _checked_filters(filters)
        full_space_members = members if full_space_members is None else full_space_members
        self.members = _whole("members", members, 1)
        self.full_space_members = _whole("full_space_members", full_space_members, 1)
        self.every, self.seed = _whole("every", every, 1), _whole("seed", seed, 0)
        self.noise = _number("noise", noise, 0.0, LARGEST_NOISE)
        self.missing = _number("missing", missing, 0.0, 1.0)
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is unknown; there are {', '.join(RULES)}")
        if sensors is None:
            sensors = SensorNetwork.grid(self.benchmark, *self.benchmark.sensor_grid)
        if not isinstance(sensors, SensorNetwork):
            raise ValueError(f"sensors {sensors!r}: a SensorNetwork is needed")
        if sensors.benchmark is not self.benchmark:
            raise ValueError(
                f"the sensors stand in {sensors.benchmark.name!r}, the experiment is in "
                f"{benchmark!r}: make them with get_benchmark({benchmark!r})"
            )
        self.sensors, self.rule = sensors, rule
        self.tuning = _checked_tuning({} if tuning is None else tuning)
        latent = any(name in LATENT_FILTERS for name in self.filters)
        if latent and model is None:
            model = load_pretrained(benchmark, device)
        if model is not None and not isinstance(model, LatentModel):
            raise ValueError(f"model {model!r}: a LatentModel is needed, such as load_pretrained's")
        if model is not None and model.benchmark is not self.benchmark:
            raise ValueError(f"the model is for {model.benchmark.name!r}, not {benchmark!r}")
        self.model: LatentModel | None = model if latent else None
        self.true_parameters = self._true_parameters(truth)
        with _SHARING:
            self._truth = _truth(self.benchmark, tuple(self.true_parameters), self.device)

    def __len__(self) -> int:
        return self.benchmark.n_times

    def __iter__(self) -> Iterator[Cycle]:
        running = {name: self._start(name) for name in self.filters}
        for index in range(len(self)):
            observation = self.observation(index)
            yield Cycle(
                index,
                float(self.benchmark.times[index]),
                self._truth[index],
                observation,
                {name: self._cycle(f, index, observation) for name, f in running.items()},
            )

    def truth_at(self, index: int) -> Tensor:
        """The truth's fields at snapshot ``index``, (V, ny, nx), physical units, on the CPU."""
        return self._truth[index]

    def observation(self, index: int) -> Observation | None:
        """What is measured at snapshot ``index``, on the CPU: the same whenever it is asked."""
        if index % self.every:
            return None
        return self.sensors.observe(
            self._truth[index], index, self.noise, self.missing, self._stream("noise")
        )

    def spin_up(self) -> Iterator[float]:
        """Carry the members of full-space filters to the first snapshot, in many small steps.

        Without it the first cycle does so in one. What is left half-way, another experiment with
        the same members goes on with. Gives the share that is done, after each step.
        """
        if any(name in FULL_SPACE_FILTERS for name in self.filters):
            seed = self._stream("prior")
            yield from prior_ensemble(
                self.benchmark, self.full_space_members, seed, torch.float32, self.device
            ).spin_up()

    def run(self, progress: bool = False) -> xr.Dataset:
        """All cycles, as one labelled dataset: see ``results.run_dataset``."""
        # Not the bar iterates, which would hold on to a cycle while the next is computed.
        with tqdm(total=len(self), disable=not progress, unit="cycle") as bar:
            return result_dataset(self, self, bar.update)

    def _start(self, name: str) -> Filter:
        if name in LATENT_FILTERS:
            filter_, members = LATENT_FILTERS[name](self.model, self.rule), self.members
        else:
            tuning = self.tuning.get(name, {})
            filter_ = FULL_SPACE_FILTERS[name](self.benchmark, self.device, **tuning)
            members = self.full_space_members
        filter_.reset(members, self._stream("prior"))
        return filter_

    def _cycle(self, filter_: Filter, index: int, observation: Observation | None) -> FilterCycle:
        watch = Stopwatch(self.device)
        turn = index // self.every % SPLIT_EVERY
        split = index > 0 and observation is not None and turn == 1 % SPLIT_EVERY
        if observation is not None and self.device.type == "cuda":
            filter_.expect(observation)  # timed is what a GPU does, from the transfer on
        watch.mark()
        if split:
            filter_.forecast()
            watch.mark()
        if index and not split:
            filter_.cycle(observation)
        elif observation is not None:
            filter_.analyse(observation)
        watch.mark()
        estimate = filter_.estimate()
        _ = estimate.mean, estimate.spread
        watch.mark()
        *parts, decoded = watch.milliseconds()
        forecast, analysis = parts if split else (math.nan, math.nan)
        return FilterCycle(estimate, sum(parts), forecast, analysis, decoded)

    def _stream(self, name: str) -> int:
        return int(np.random.SeedSequence([self.seed, SEEDS[name]]).generate_state(1)[0])

    def _true_parameters(self, truth: xr.Dataset | Mapping[str, float] | None) -> np.ndarray:
        if truth is None:
            truth = self.benchmark.sample_truth(self._stream("truth"))
        values = np.atleast_2d(self.benchmark.parameter_array(truth))
        if len(values) != 1:
            raise ValueError(f"truth holds {len(values)} trajectories: give one")
        return values[0]


_SHARING = threading.Lock()
"""Without it, two threads that ask at once would get, and compute, one trajectory each."""


@lru_cache(maxsize=SHARED_TRUTHS)
def _truth(benchmark: Benchmark, parameters: tuple[float, ...], device: torch.device) -> Trajectory:
    values = torch.as_tensor(parameters, dtype=torch.float32, device=device)
    return Trajectory(benchmark, values[None])


def _checked_filters(filters: Sequence[str]) -> tuple[str, ...]:
    names = tuple(filters) if isinstance(filters, Iterable) else (filters,)
    if isinstance(filters, str):
        names = (filters,)
    if not names or any(name not in FILTERS or names.count(name) > 1 for name in names):
        raise ValueError(
            f"filters {list(names)}: choose one or more of {', '.join(FILTERS)}, each once"
        )
    return names


def _checked_tuning(tuning: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    if not isinstance(tuning, Mapping):
        raise ValueError(f"tuning {tuning!r}: a mapping by filter is needed")
    untunable = [name for name in tuning if name not in FULL_SPACE_FILTERS]
    if untunable:
        raise ValueError(f"tuning of {untunable}: allowed are {', '.join(FULL_SPACE_FILTERS)}")
    for filter_, values in tuning.items():
        taken = inspect.signature(FULL_SPACE_FILTERS[filter_]).parameters.values()
        kinds = {p.name: p.annotation for p in taken if p.annotation.startswith(("int", "float"))}
        if not isinstance(values, Mapping) or any(name not in kinds for name in values):
            raise ValueError(
                f"tuning of {filter_!r} with {values!r}: allowed are {', '.join(kinds)}"
            )
        for name, value in values.items():
            what = f"tuning of {filter_!r}: {name}"
            if kinds[name].startswith("int"):
                _whole(what, value, 1)
            else:
                _number(what, value, -math.inf, math.inf)
    return {name: dict(values) for name, values in tuning.items()}


def _whole(name: str, value: int, least: int) -> int:
    if not is_whole(value, least):
        raise ValueError(f"{name} = {value!r}: a whole number of at least {least} is needed")
    return int(value)


def _number(name: str, value: float, low: float, high: float) -> float:
    if not is_number(value, low, high):
        raise ValueError(f"{name} = {value!r}: allowed is {low:g} to {high:g}")
    return float(value)
