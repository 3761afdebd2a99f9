"""One experiment as a visitor has set it up, and which filters can run in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from ldensf_app.models import shared_model
from ldensf_core import FILTERS, CheckpointError, SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.filters import KINDS, EnSF, Filter, FreeRun, LatentSmoother, LDEnSF
from ldensf_core.filters.chosen import Chosen, chosen
from ldensf_core.weights.checkpoints import has_weights

LATENT, FULL_SPACE = KINDS
DEFAULT_FILTERS = (LDEnSF.name, LatentSmoother.name, EnSF.name, FreeRun.name)
"""Those of the default scene: the paper's filter, the smoother that needs no encoder, a full-space
one, and one that never corrects."""


@dataclass(frozen=True)
class Setup:
    """One experiment's settings; the fields are those of ``Settings``.

    Attributes:
        model_error: of the truth, one of the benchmark's or "none".
        options: what is other than usual, as (filter, option, value).
    """

    benchmark: str
    filters: tuple[str, ...]
    model_error: str
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
            truth_benchmark=benchmark.with_error(self.model_error),
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
