"""What a visitor can choose: bounds, units and explanations in one place.

``Settings`` is what the widgets edit; ``Setup`` is an immutable copy of it, which is what a
worker gets and what the page compares with to see whether something has changed since.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import param

from ldensf_app import units
from ldensf_app.models import shared_model
from ldensf_core import (
    FILTERS,
    CheckpointError,
    SensorNetwork,
    TwinExperiment,
    get_benchmark,
    list_benchmarks,
)
from ldensf_core.device import device_name, devices, resolve_device
from ldensf_core.filters import KINDS, EnSF, Filter, FreeRun, LDEnSF
from ldensf_core.filters.chosen import Chosen, chosen
from ldensf_core.filters.options import check_options
from ldensf_core.weights.checkpoints import has_weights

LATENT, FULL_SPACE = KINDS
DEFAULT_FILTERS = (LDEnSF.name, EnSF.name, FreeRun.name)
"""Those of the default scene: a latent one, a full-space one, and one that never corrects."""

INTERVALS = tuple(range(1, 11))
ROWS = (4, 5, 7, 8, 10, 12, 16, 20, 24, 32)
"""Rows of sensors; a domain that is twice as wide as high has twice as many columns."""
MEMBERS = (5, 10, 20, 50, 100, 200, 500, 1000)
FULL_SPACE_MEMBERS = (2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Setup:
    """One experiment's settings; the fields are those of ``Settings``.

    Attributes:
        options: what is other than usual, as (filter, option, value).
    """

    benchmark: str
    filters: tuple[str, ...]
    sensors: int
    layout: str
    every: int
    noise: float
    missing: float
    members: int
    full_space_members: int
    options: tuple[tuple[str, str, Any], ...]
    seed: int
    device: str

    @cached_property
    def classes(self) -> dict[str, type[Filter]]:
        """The class of each filter: without trained weights some have another one."""
        return classes(self.benchmark, self.filters)

    def experiment(self, kind: str) -> TwinExperiment:
        """The twin experiment of this setup with those of its filters that are of a ``kind``.

        Raises:
            ValueError: naming the setting, if it cannot be run.
            CheckpointError: if filters need trained weights that cannot be read; naming them.
        """
        benchmark = get_benchmark(self.benchmark)
        if not self.filters:
            raise ValueError(
                "Choose one filter or more."
                if runnable(self.benchmark)
                else f"No filter can run: {benchmark.title} has neither a solver nor trained "
                f"weights. Make these with `ldensf train {benchmark.known_as}`."
            )
        mine = {name: of for name, of in self.classes.items() if of.kind == kind}
        options: dict[str, dict[str, Any]] = {}
        for name, option, value in self.options:
            if name in mine:
                options.setdefault(name, {})[option] = value
        return TwinExperiment(
            benchmark,
            filters=list(mine),
            sensors=SensorNetwork.place(benchmark, self.sensors, self.layout, self.seed),
            model=self._model(mine) if mine and kind == LATENT else None,
            noise=self.noise,
            every=self.every,
            members=self.members,
            full_space_members=self.full_space_members,
            missing=self.missing,
            options=options,
            seed=self.seed,
            device=self.device,
        )

    def _model(self, needed_by: Mapping[str, type[Filter]]) -> Any:
        try:
            return shared_model(self.benchmark, self.device)
        except CheckpointError as error:
            titles = ", ".join(of.title for of in needed_by.values())
            raise CheckpointError(f"{titles} cannot run: {error}") from error

    def changes(self, other: Setup) -> list[str]:
        """Names of the settings in which ``other`` differs."""
        names = (field.name for field in fields(self))
        return [name for name in names if getattr(self, name) != getattr(other, name)]


def classes(benchmark: str, names: Iterable[str]) -> dict[str, type[Filter]]:
    """The classes of filters on a benchmark, where without trained weights some have another."""
    names = list(names)
    if not names:
        return {}
    weights = has_weights(get_benchmark(benchmark))
    return {name: one.kind for name, one in chosen(names, None, weights).items()}


def runnable(benchmark: str) -> list[str]:
    """Filters that have on a benchmark what they need: trained weights, or a solver."""
    of_it = get_benchmark(benchmark)
    there = {LATENT: has_weights(of_it), FULL_SPACE: of_it.has_solver}
    return [name for name, of in classes(benchmark, FILTERS).items() if there[of.kind]]


def label(name: str) -> str:
    """How a filter is called where it matters that it runs the solver."""
    of = FILTERS[name]
    return f"{of.title} (full space)" if of.kind == FULL_SPACE else of.title


def usual_options(name: str, benchmark: str) -> dict[str, Any]:
    """The options of a filter that nobody has changed: tuned for a benchmark, or defaults."""
    settings = Chosen(name, FILTERS[name]).settings(get_benchmark(benchmark))
    del settings["filter"]
    return settings


def sensor_choices(benchmark: Any) -> list[int]:
    """Numbers of sensors that fill a grid of the domain's proportions, the default among them."""
    columns = max(1, round(units.aspect(benchmark)))  # for each row
    return sorted({math.prod(benchmark.sensor_grid), *(columns * rows**2 for rows in ROWS)})


def interval_choices(benchmark: Any) -> dict[str, int]:
    """Snapshots between observations, by the model time that they take."""
    return {
        f"{units.interval(benchmark, k)} ({'snapshot' if k == 1 else f'{k} snapshots'})": k
        for k in INTERVALS
    }


def device_choices() -> dict[str, str]:
    """Devices by what they are called; cards of one name are told apart by their numbers."""
    found = devices()
    several = len(found) > 2
    return {
        "CPU"
        if d.type == "cpu"
        else f"{device_name(d)} ({d.index})"
        if several
        else device_name(d): str(d)
        for d in found
    }


class Settings(param.Parameterized):
    """What the sidebar edits. Labels carry the units, docstrings become the hover texts.

    Sensors, intervals and options of filters are those of the benchmark: another benchmark starts
    with its own. Filters that need trained weights, or a solver, are no longer chosen where a
    benchmark has none, and are again with the next one that has.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or one of several, ``cuda:1``.
        values: of the other settings, by name.

    Raises:
        ValueError: for a setting out of its bounds.
    """

    benchmark = param.Selector(
        default="tsunami",
        objects=["tsunami"],
        label="Benchmark",
        doc="The physics that makes the truth, and whose unknowns are to be found.",
    )
    filters = param.ListSelector(
        default=list(DEFAULT_FILTERS),
        objects=list(DEFAULT_FILTERS),
        label="Filters",
        doc="How the state is estimated.",
    )
    sensors = param.Selector(
        default=100,
        objects=sensor_choices(get_benchmark("tsunami")),
        label="Sensors",
        doc="Number of sensors; each measures all variables.",
    )
    layout = param.Selector(
        default="grid",
        objects=["grid", "random"],
        label="Layout",
        doc="On a regular grid, or placed at random (the seed says where).",
    )
    every = param.Selector(
        default=1,
        objects=interval_choices(get_benchmark("tsunami")),
        label="Observe every",
        doc="Model time between two observations. In between the ensemble is only carried forward.",
    )
    noise = param.Number(
        default=0.1,
        bounds=(0.0, 0.5),
        step=0.05,
        label="Noise (fraction of std)",
        doc="Standard deviation of the measurement noise, as a fraction of each variable's own "
        "standard deviation.",
    )
    missing = param.Number(
        default=0.0,
        bounds=(0.0, 0.9),
        step=0.1,
        label="Missing (fraction)",
        doc="Probability that a sensor reports nothing at an observation time.",
    )
    members = param.Selector(
        default=20,
        objects=list(MEMBERS),
        label="Members, latent",
        doc="Ensemble size of filters in the latent space.",
    )
    full_space_members = param.Selector(
        default=20,
        objects=list(FULL_SPACE_MEMBERS),
        label="Members, full space",
        doc="Ensemble size of full-space filters; each member is a run of the PDE solver.",
    )
    options = param.Dict(
        default={},
        label="Options of the filters",
        doc="Values of a filter's options, by its name; others are as usual on the benchmark.",
    )
    seed = param.Integer(
        default=7,
        bounds=(0, 9999),
        label="Seed",
        doc="Draws the hidden truth, the ensemble and the noise. The same seed, the same run.",
    )

    device = param.Selector(
        label="Device",
        doc="Where the filters compute: each on one core of the CPU, or each in a stream of the "
        "GPU, the latent ones first.",
    )

    def __init__(self, device: str = "auto", **values: Any) -> None:
        super().__init__()
        self._left_out: list[str] = []
        # Not before: others may have brought their own by now, and a server asks for GPUs once it
        # has forked into its processes.
        self.param.benchmark.objects = {get_benchmark(n).title: n for n in list_benchmarks()}
        self.param.filters.objects = {of.title: name for name, of in FILTERS.items()}
        self.param.filters.doc = _explained()
        self.param.device.objects = device_choices()
        # The benchmark comes first: it says which of the other values can be chosen.
        self.benchmark = values.pop("benchmark", self.benchmark)
        self._offer_choices()
        self.param.update(device=str(resolve_device(device)), **values)
        for name, options in self.options.items():
            check_options(FILTERS[name], options, name)

    @param.depends("benchmark", watch=True)
    def _offer_choices(self) -> None:
        benchmark = get_benchmark(self.benchmark)
        choices, sensors = sensor_choices(benchmark), self.param.sensors
        # At no time is the value not among the choices: a slider would take one by itself. The
        # old value stands last, since sliders know their value by its place.
        sensors.objects = [*choices, self.sensors]
        self.param.every.objects = interval_choices(benchmark)
        self.param.update(
            sensors=math.prod(benchmark.sensor_grid),
            every=1,
            filters=self._that_run(),
            options={},
        )
        sensors.objects = choices

    def _that_run(self) -> list[str]:
        """Those of the chosen filters that run on the benchmark, and EnSF if none corrects."""
        run, wanted = runnable(self.benchmark), {*self._left_out, *self.filters}
        self._left_out = [name for name in wanted if name not in run]
        kept = {name for name in wanted if name in run}
        if self._left_out and EnSF.name in run and not any(FILTERS[n].corrects for n in kept):
            kept.add(EnSF.name)
        return [name for name in FILTERS if name in kept]

    def setup(self) -> Setup:
        """An immutable copy of the present values."""
        filters = tuple(name for name in FILTERS if name in self.filters)
        options = tuple(
            (name, option, value)
            for name in filters
            for option, usual in usual_options(name, self.benchmark).items()
            if (value := self.options.get(name, {}).get(option, usual)) != usual
        )
        values = {field.name: getattr(self, field.name) for field in fields(Setup)}
        return Setup(**values | {"filters": filters, "options": options})


def _explained() -> str:
    """What each filter does, a line each."""
    lines = [f"{label(name)}: {of.sentence}" for name, of in FILTERS.items()]
    return "\n".join([*lines, "Maps show the first latent and the first full-space filter."])
