"""A twin experiment: a twin, and the filters that follow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
import xarray as xr
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.filters import EnSF, Filter, LDEnSF
from ldensf_core.filters.chosen import Wanted, chosen
from ldensf_core.filters.full_space import prior_ensemble
from ldensf_core.observations import SensorNetwork
from ldensf_core.twin.conditions import Change, Conditions, at, timeline, whole
from ldensf_core.twin.follow import Cycle, follow
from ldensf_core.twin.results import result_dataset
from ldensf_core.twin.twin import Twin
from ldensf_core.weights.checkpoints import has_weights, load_pretrained
from ldensf_core.weights.model import LatentModel


class TwinExperiment(Twin):
    """Truth, observations and filters in step. Iterate for one ``Cycle`` a snapshot.

    Experiments that differ only in ``filters`` see the same truth and the same observations.
    Iterating again restarts the filters and gives the same run.

    Args:
        benchmark: name or object.
        filters: names, classes or objects of filters; a mapping gives them labels:
            ``{"small": ("ld-ensf", {"members": 5}), "large": "ld-ensf"}``.
        sensors, noise, every, seed, device: see ``Twin``, also for all other arguments.
        members: ensemble size; ``changes`` may hold it for the latent filters, see ``resize`` of
            ``Filter``. ``full_space_members``: the same for full-space filters; never changes.
        options: of the filters, by label: ``{"letkf": {"radius": 200.0}}``; those not given are
            the tuned ones or the defaults. ``members`` is an option of every filter, and stays as
            it is.
        model: for the latent filters, on ``device``; by default the shipped one.

    Attributes:
        filters: the chosen ones, by label.

    Raises:
        ValueError: for any argument out of range, naming it and what is allowed.
        CheckpointError: if a filter needs trained weights that cannot be loaded.
    """

    def __init__(
        self,
        benchmark: str | Benchmark,
        filters: Wanted | Sequence[Wanted] | Mapping[str, Any] = (LDEnSF, EnSF),
        sensors: SensorNetwork | None = None,
        noise: float | Mapping[str, float] = 0.1,
        every: int = 1,
        members: int = 20,
        seed: int = 7,
        device: str | torch.device = "auto",
        full_space_members: int | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        model: LatentModel | None = None,
        **twin: Any,
    ) -> None:
        benchmark = get_benchmark(benchmark)
        weights = model is not None or has_weights(benchmark)
        self.filters = chosen(filters, options, weights)
        full_space_members = members if full_space_members is None else full_space_members
        self._members = whole("members", members, 1)
        self.full_space_members = whole("full_space_members", full_space_members, 1)
        super().__init__(benchmark, sensors, noise, every, seed, device, **twin)
        latent = any(one.latent and one.ready is None for one in self.filters.values())
        if latent and model is None:
            model = load_pretrained(benchmark, device)
        if model is not None and not isinstance(model, LatentModel):
            raise ValueError(f"model {model!r}: a LatentModel is needed, such as load_pretrained's")
        if model is not None and model.benchmark is not benchmark:
            raise ValueError(f"the model is for {model.benchmark.name!r}, not {benchmark.name!r}")
        self.model: LatentModel | None = model if latent else None

    @property
    def members(self) -> int:
        """Ensemble size at the first snapshot, where filters have none of their own."""
        return self.conditions(0).members

    def _timeline(self, changes: Iterable[Change]) -> list[tuple[int, Conditions]]:
        found = timeline(self.benchmark, {**self._base, "members": self._members}, changes)
        if any(of_then.members != at(found, 0).members for _, of_then in found):
            for label in self._resizable:
                if self.filters[label].kind.resize is Filter.resize:
                    raise ValueError(
                        f"change of members: the filter {label!r} has no method resize; give it "
                        "members among its options, and it keeps them"
                    )
        return found

    @property
    def _resizable(self) -> list[str]:
        """Labels of the filters whose ensemble size is that of the experiment and may change."""
        return [label for label, one in self.filters.items() if one.latent and not one.members]

    def __iter__(self) -> Iterator[Cycle]:
        seed = self.stream("prior")
        running = {
            label: one.started(
                self.benchmark,
                self.model,
                self.device,
                self.members if one.latent else self.full_space_members,
                seed,
            )
            for label, one in self.filters.items()
        }
        return self._cycles(running)

    def _cycles(self, running: Mapping[str, Filter]) -> Iterator[Cycle]:
        """One cycle after the other; before each, filters get the number of members of then."""
        cycles, size = follow(running, self), self.members
        for index in range(len(self)):
            if (members := self.conditions(index).members) != size:
                words = np.random.SeedSequence([self.stream("prior"), index]).generate_state(1)
                for label in self._resizable:
                    running[label].resize(members, int(words[0]))
                size = members
            yield next(cycles)

    def spin_up(self) -> Iterator[float]:
        """Carry the members of full-space filters to the first snapshot, in many small steps.

        Otherwise the first cycle does so in one step. If it is stopped half-way, another experiment
        with the same members continues from there. Yields the share done, after each step.
        """
        sizes = {
            one.members or self.full_space_members
            for one in self.filters.values()
            if not one.latent and one.ready is None
        }
        for size in sorted(sizes):
            yield from prior_ensemble(
                self.benchmark, size, self.stream("prior"), torch.float32, self.device
            ).spin_up()

    def run(self, progress: bool = False) -> xr.Dataset:
        """All cycles, as one labelled dataset: see ``results.run_dataset``."""
        # The bar must not iterate: it would keep a cycle in memory while the next is computed.
        with tqdm(total=len(self), disable=not progress, unit="cycle") as bar:
            return result_dataset(self, list(self.filters), self, self.settings, bar.update)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments by name, as texts, numbers, and lists and mappings of them."""
        names = ("noise", "every", "members", "full_space_members", "seed", "missing")
        hidden = self.truth_benchmark is not self.benchmark
        return {
            "layout": self.sensors.layout,
            **{name: getattr(self, name) for name in names},
            **({"truth_benchmark": self.truth_benchmark.title} if hidden else {}),
            "options": {label: one.settings(self.benchmark) for label, one in self.filters.items()},
            "changes": [
                [index, {name: _plain(value) for name, value in change.items()}]
                for index, change in self.changes
            ],
            "device": str(self.device),
        }


def _plain(value: Any) -> Any:
    """Sensors as their positions, whole numbers as those of Python, all else as it is."""
    if isinstance(value, SensorNetwork):
        return value.positions.tolist()
    whole_number = isinstance(value, Integral) and not isinstance(value, bool)
    return int(value) if whole_number else value
