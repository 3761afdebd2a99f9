"""One experiment as a visitor has set it up, and which filters can run in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from ldensf_app.labels import AT, FULL_SPACE, LATENT, filter_of, members_of
from ldensf_app.models import shared_model
from ldensf_core import FILTERS, CheckpointError, SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.filters import EnSF, Filter, FreeRun, LatentSmoother, LDEnSF
from ldensf_core.filters.chosen import Chosen, chosen
from ldensf_core.twin.conditions import Change
from ldensf_core.weights.checkpoints import has_weights

DEFAULT_FILTERS = (LDEnSF.name, LatentSmoother.name, EnSF.name, FreeRun.name)
"""Those of the default scene: the paper's filter, the smoother that needs no encoder, a full-space
one, and one that never corrects."""
LIVE = ("sensors", "layout", "positions", "variables", "every", "noise", "missing", "members")
"""Settings that can change while a run goes on; others need a reset."""


@dataclass(frozen=True)
class Setup:
    """One experiment's settings; the fields are those of ``Settings``.

    Attributes:
        filters: labels, see ``labels``.
        model_error: of the truth, one of the benchmark's or "none".
        positions: of sensors placed by hand; empty where ``sensors`` and ``layout`` say.
        variables: names of those that are measured.
        options: what is other than usual, as (filter, option, value).
    """

    benchmark: str
    filters: tuple[str, ...]
    model_error: str
    sensors: int
    layout: str
    positions: tuple[tuple[float, float], ...]
    variables: tuple[str, ...]
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

    def experiment(self, kind: str | None = None, changes: Iterable[Change] = ()) -> TwinExperiment:
        """The twin experiment of this setup with its filters, or those that are of a ``kind``.

        Args:
            changes: on the way.

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
        mine = {name: of for name, of in self.classes.items() if kind in (None, of.kind)}
        latent = {name: of for name, of in mine.items() if of.kind == LATENT}
        return TwinExperiment(
            benchmark,
            filters={label: (of.name, self._options(label)) for label, of in mine.items()},
            sensors=self.network,
            model=self._model(latent) if latent else None,
            noise=self.noise,
            every=self.every,
            members=self.members,
            full_space_members=self.full_space_members,
            missing=self.missing,
            variables=self.variables,
            seed=self.seed,
            device=self.device,
            truth_benchmark=benchmark.with_error(self.model_error),
            changes=changes,
        )

    @property
    def network(self) -> SensorNetwork:
        """The sensors.

        Raises:
            ValueError: if one stands outside the domain, or if that number fills no such layout.
        """
        benchmark = get_benchmark(self.benchmark)
        if self.positions:
            return SensorNetwork.at(benchmark, self.positions)
        return SensorNetwork.place(benchmark, self.sensors, self.layout, self.seed)

    def _options(self, label: str) -> dict[str, Any]:
        """Options of one filter that are other than usual, and its ensemble size if it has one."""
        size = members_of(label)
        given = {option: value for name, option, value in self.options if name == label}
        return given if size is None else {**given, "members": size}

    def live_changes(self, earlier: Setup) -> dict[str, Any]:
        """What has to change in a run of ``earlier`` to be observed as this one is.

        Arguments of ``Twin.change``; settings that need a reset are left out.
        """
        names = set(earlier.changes(self))
        found = {
            n: getattr(self, n) for n in ("every", "noise", "missing", "members") if n in names
        }
        if "variables" in names:
            found["variables"] = list(self.variables)
        if names & {"sensors", "layout", "positions"}:
            found["sensors"] = self.network
        return found

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


def classes(benchmark: str, labels: Iterable[str]) -> dict[str, type[Filter]]:
    """The classes of filters on a benchmark, where without trained weights some have another."""
    labels = list(labels)
    if not labels:
        return {}
    weights = has_weights(get_benchmark(benchmark))
    named = {label: label.partition(AT)[0] for label in labels}
    return {label: one.kind for label, one in chosen(named, None, weights).items()}


def runnable(benchmark: str) -> list[str]:
    """Filters that have on a benchmark what they need: trained weights, or a solver."""
    of_it = get_benchmark(benchmark)
    there = {LATENT: has_weights(of_it), FULL_SPACE: of_it.has_solver}
    return [name for name, of in classes(benchmark, FILTERS).items() if there[of.kind]]


def usual_options(label: str, benchmark: str) -> dict[str, Any]:
    """The options of a filter that nobody has changed: tuned for a benchmark, or defaults."""
    settings = Chosen(label, filter_of(label)).settings(get_benchmark(benchmark))
    del settings["filter"]
    return settings
