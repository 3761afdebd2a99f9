"""What a visitor can choose: bounds, units and explanations in one place.

``Settings`` is what the widgets edit; ``Setup`` is an immutable copy of it, which is what a
worker gets and what the page compares with to see whether something has changed since.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import param

from ldensf_app import units
from ldensf_app.models import shared_model
from ldensf_core import (
    FULL_SPACE_FILTERS,
    RULES,
    SensorNetwork,
    TwinExperiment,
    get_benchmark,
    list_benchmarks,
)
from ldensf_core.device import device_name, devices, resolve_device

LD_ENSF, ENSF, FREE_RUN = "ld-ensf", "ensf", "none"
FILTERS = {
    LD_ENSF: "LD-EnSF",
    "latent-etkf": "latent ETKF",
    "latent-enkf": "latent EnKF",
    ENSF: "EnSF",
    "ensf-inpainting": "EnSF inpainting",
    "letkf": "LETKF",
    "latent-ensf": "Latent-EnSF",
    FREE_RUN: "none",
}
"""What can be chosen, and how it is called. Of the latent filters that are chosen the first has a
map, and of the full-space ones; curves show all."""

INTERVALS = tuple(range(1, 11))
ROWS = (4, 5, 7, 8, 10, 12, 16, 20, 24, 32)
"""Rows of sensors; a domain that is twice as wide as high has twice as many columns."""
MEMBERS = (5, 10, 20, 50, 100, 200, 500, 1000)
FULL_SPACE_MEMBERS = (2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Setup:
    """One experiment's settings; the fields are those of ``Settings``."""

    benchmark: str
    filters: tuple[str, ...]
    sensors: int
    layout: str
    every: int
    noise: float
    missing: float
    members: int
    full_space_members: int
    rule: str
    seed: int
    device: str

    def experiment(self, filters: tuple[str, ...]) -> TwinExperiment:
        """The twin experiment of this setup with those of its filters that are in ``filters``.

        Raises:
            ValueError: naming the setting, if it cannot be run.
            CheckpointError: if the benchmark's weights cannot be read.
        """
        benchmark = get_benchmark(self.benchmark)
        filters = tuple(name for name in self.filters if name in filters)
        latent = any(name not in FULL_SPACE_FILTERS for name in filters)
        return TwinExperiment(
            self.benchmark,
            filters=filters,
            sensors=SensorNetwork.place(benchmark, self.sensors, self.layout, self.seed),
            model=shared_model(self.benchmark, self.device) if latent else None,
            noise=self.noise,
            every=self.every,
            members=self.members,
            full_space_members=self.full_space_members,
            missing=self.missing,
            rule=self.rule,
            seed=self.seed,
            device=self.device,
        )

    def changes(self, other: Setup) -> list[str]:
        """Names of the settings in which ``other`` differs."""
        mine, theirs = asdict(self), asdict(other)
        return [name for name in mine if mine[name] != theirs[name]]


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

    Sensors and intervals to choose from are those of the benchmark; another benchmark starts
    with its own defaults of these two.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or one of several, ``cuda:1``.
        values: of the other settings, by name.

    Raises:
        ValueError: for a setting out of its bounds.
    """

    benchmark = param.Selector(
        default="tsunami",
        objects={get_benchmark(name).title: name for name in list_benchmarks()},
        label="Benchmark",
        doc="The physics that makes the truth, and whose unknowns are to be found.",
    )
    filters = param.ListSelector(
        default=[LD_ENSF, ENSF, FREE_RUN],
        objects={label: name for name, label in FILTERS.items()},
        label="Filters",
        doc="LD-EnSF works in the latent space, as do ETKF and EnKF on the same surrogate. EnSF, "
        "LETKF and Latent-EnSF are full-space filters, which run the PDE for every member. EnSF "
        "corrects where the sensors are, with inpainting also between them; Latent-EnSF corrects "
        "in the latent space of an autoencoder. «none» is the prior ensemble, never corrected. "
        "Maps show the first latent and the first full-space filter.",
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
        doc="Ensemble size of latent filters and of «none».",
    )
    full_space_members = param.Selector(
        default=20,
        objects=list(FULL_SPACE_MEMBERS),
        label="Members, full space",
        doc="Ensemble size of EnSF, LETKF and Latent-EnSF; each member is a run of the PDE solver.",
    )
    rule = param.Selector(
        default="gaussian",
        objects=list(RULES),
        label="Latent analysis",
        doc="How LD-EnSF weighs forecast and observation. «gaussian»: the exact answer for "
        "Gaussian errors, calibrated. «published»: the score filter's Euler loop as in the paper, "
        "in 10,000 steps.",
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
        # The benchmark comes first: it says which of the other values can be chosen.
        super().__init__(**{k: v for k, v in values.items() if k == "benchmark"})
        self._offer_choices()
        # Not before: a server asks for GPUs once it has forked into its processes.
        self.param.device.objects = device_choices()
        self.param.update(device=str(resolve_device(device)), **values)

    @param.depends("benchmark", watch=True)
    def _offer_choices(self) -> None:
        benchmark = get_benchmark(self.benchmark)
        choices, sensors = sensor_choices(benchmark), self.param.sensors
        # At no time is the value not among the choices: a slider would take one by itself. The
        # old value stands last, since sliders know their value by its place.
        sensors.objects = [*choices, self.sensors]
        self.param.every.objects = interval_choices(benchmark)
        self.param.update(sensors=math.prod(benchmark.sensor_grid), every=1)
        sensors.objects = choices

    def setup(self) -> Setup:
        """An immutable copy of the present values."""
        values = {field.name: getattr(self, field.name) for field in fields(Setup)}
        return Setup(**values | {"filters": tuple(n for n in FILTERS if n in self.filters)})
