"""What a visitor can choose: bounds, units and explanations in one place.

``Settings`` is what the widgets edit; a ``Setup`` is an immutable copy of it, which is what a
worker gets and what the page compares with to see whether something has changed since.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import param

from ldensf_app import units
from ldensf_app.labels import AT, LATENT, full_title
from ldensf_app.setup import DEFAULT_FILTERS, Setup, runnable, usual_options
from ldensf_core import FILTERS, get_benchmark, list_benchmarks
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.device import device_name, devices, resolve_device
from ldensf_core.filters import EnSF
from ldensf_core.filters.options import check_options
from ldensf_core.observations import LAYOUTS

INTERVALS = tuple(range(1, 11))
ROWS = (4, 5, 7, 8, 10, 12, 16, 20, 24, 32)
"""Rows of sensors; a domain that is twice as wide as high has twice as many columns."""
MEMBERS = (5, 10, 20, 50, 100, 200, 500, 1000)
FULL_SPACE_MEMBERS = (2, 5, 10, 20, 50, 100)
NO_SECOND = 0


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


def error_choices(benchmark: Any) -> dict[str, str]:
    """Model errors of a benchmark by their titles, and none."""
    return {NONE: NONE, **{e.title: name for name, e in benchmark.model_errors.items()}}


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

    Sensors, intervals, model errors and options of filters are those of the benchmark: another
    benchmark starts with its own. Filters that need trained weights, or a solver, are no longer
    chosen where a benchmark has none, and are again with the next one that has.

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
    model_error = param.Selector(
        default=NONE,
        objects=error_choices(get_benchmark("tsunami")),
        label="Hidden model error",
        doc="The truth is made by other physics than the filters know, so that one can see them "
        "be wrong, as models are about nature.",
    )
    sensors = param.Selector(
        default=100,
        objects=sensor_choices(get_benchmark("tsunami")),
        label="Sensors",
        doc="Number of sensors.",
    )
    layout = param.Selector(
        default="grid",
        objects=list(LAYOUTS),
        label="Layout",
        doc="Sensors on a regular grid, at random, clustered in one disc a fifth as wide as the "
        "domain, along a line across it, or at random in one half (the seed says where).",
    )
    positions = param.List(
        default=[],
        label="Sensors by hand",
        doc="Positions (x, y) of sensors placed on the map; empty where number and layout say.",
    )
    variables = param.ListSelector(
        default=[v.name for v in get_benchmark("tsunami").variables],
        objects={v.symbol or v.name: v.name for v in get_benchmark("tsunami").variables},
        label="Measured",
        doc="The variables that every sensor measures.",
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
    second = param.Selector(
        default=NO_SECOND,
        objects={"no": NO_SECOND, **{str(m): m for m in MEMBERS}},
        label="First filter once more, members",
        doc="Runs the first latent filter a second time with another ensemble size, to compare.",
    )
    again = param.List(
        default=[],
        label="Filters once more",
        doc="Labels of filters that run once more with another ensemble size, see ``labels``.",
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
        placing = ["sensors", "layout", "positions"]
        self.param.watch(self._leave_positions, placing, onlychanged=False)
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
        errors = error_choices(benchmark)
        self.param.model_error.objects = {**self.param.model_error.names, **errors}
        measured = self.param.variables
        measured.objects = {**measured.names, **symbols(benchmark)}
        self.param.update(
            positions=[],
            variables=[v.name for v in benchmark.variables],
            model_error=NONE,
            sensors=math.prod(benchmark.sensor_grid),
            every=1,
            filters=self._that_run(),
            again=[],
            second=NO_SECOND,
            options={},
        )
        sensors.objects = choices
        self.param.model_error.objects = errors
        measured.objects = symbols(benchmark)

    def _leave_positions(self, *events: Any) -> None:
        """Another number or layout takes the place of sensors by hand, unless given with them."""
        if all(event.name != "positions" for event in events):
            self.positions = []

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
        again = list(self.again)
        first = next((name for name in filters if FILTERS[name].kind == LATENT), None)
        if self.second != NO_SECOND and first:
            again.append(f"{first}{AT}{self.second}")
        filters = tuple(
            label
            for name in filters
            for label in (name, *(a for a in dict.fromkeys(again) if a.startswith(name + AT)))
        )
        options = tuple(
            (name, option, value)
            for name in filters
            for option, usual in usual_options(name, self.benchmark).items()
            if (value := self.options.get(name.partition(AT)[0], {}).get(option, usual)) != usual
        )
        values = {field.name: getattr(self, field.name) for field in fields(Setup)}
        values["positions"] = tuple(map(tuple, self.positions))
        values["variables"] = tuple(self.variables)
        return Setup(**values | {"filters": filters, "options": options})


def short_label(name: str) -> str:
    """How a setting, or what else can change during a run, is called within a sentence."""
    if name == "assimilate":
        return "assimilation"
    return Settings.param[name].label.split(" (")[0].lower()


def symbols(benchmark: Any) -> dict[str, str]:
    """Names of a benchmark's variables by how they are written."""
    return {v.symbol or v.name: v.name for v in benchmark.variables}


def _explained() -> str:
    """What each filter does, a line each."""
    lines = [f"{full_title(name)}: {of.sentence}" for name, of in FILTERS.items()]
    return "\n".join(
        [
            *lines,
            "Maps show the first of each kind until others are chosen there.",
        ]
    )
