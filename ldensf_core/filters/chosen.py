"""Choose filters with labels and options, and make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.checks import is_whole
from ldensf_core.device import resolve_device
from ldensf_core.filters import FILTERS
from ldensf_core.filters.base import Filter
from ldensf_core.filters.options import check_options, options_of
from ldensf_core.weights.checkpoints import has_weights, load_pretrained
from ldensf_core.weights.model import LatentModel

MEMBERS = "members"
"""The ensemble size: an option of every filter, beside those of its class."""

Wanted = str | type[Filter] | Filter
"""A filter given by name, by class, or as an object."""


@dataclass(frozen=True)
class Chosen:
    """One filter of an experiment, before it runs.

    Attributes:
        label: its unique name in the experiment.
        kind: its class.
        options: those given, checked.
        members: ensemble size, if given.
        ready: the filter, if it was given as an object.
    """

    label: str
    kind: type[Filter]
    options: Mapping[str, Any] = field(default_factory=dict)
    members: int | None = None
    ready: Filter | None = None

    @property
    def latent(self) -> bool:
        """Whether it needs a trained model."""
        return self.kind.kind == "latent"

    def settings(self, benchmark: Benchmark) -> dict[str, Any]:
        """Its name, its ensemble size if given, and all its options for a benchmark."""
        members = {} if self.members is None else {MEMBERS: self.members}
        return {"filter": self.kind.name, **members, **self._all_options(benchmark)}

    def _all_options(self, benchmark: Benchmark) -> dict[str, Any]:
        """Defaults, overridden by options tuned for the benchmark, then by those given."""
        defaults = {name: option.default for name, option in options_of(self.kind).items()}
        return {**defaults, **benchmark.tuning.get(self.kind.name, {}), **self.options}

    def started(
        self,
        benchmark: Benchmark,
        model: LatentModel | None,
        device: torch.device,
        members: int,
        seed: int,
    ) -> Filter:
        """The filter with its prior ensemble; ``members`` is the size if it has none set.

        Args:
            model: on ``device``; latent filters need it.
        """
        filter_ = self.ready
        if filter_ is None:
            made_of = (model,) if self.latent else (benchmark, device)
            filter_ = self.kind(*made_of, **self._all_options(benchmark))
        filter_.reset(self.members or members, seed)
        return filter_


def chosen(
    filters: Wanted | Sequence[Wanted] | Mapping[str, Wanted | tuple[Wanted, Mapping]],
    options: Mapping[str, Mapping[str, Any]] | None = None,
    weights: bool = True,
) -> dict[str, Chosen]:
    """The filters to run, by label.

    Args:
        filters: one or several; a mapping gives labels to filters, or to pairs of a filter and
            its options: ``{"small": ("ld-ensf", {"members": 5}), "large": "ld-ensf"}``.
        options: by label; without a mapping, labels are the filters' names.
        weights: whether there are trained weights; if not, take ``Filter.without_weights``.

    Raises:
        ValueError: if a filter is unknown, a label occurs twice, or an option is unknown or out of
            range; the message names it and what is allowed.
    """
    options = {} if options is None else options
    if not isinstance(options, Mapping):
        raise ValueError(f"options {options!r}: a mapping by filter is needed")
    if isinstance(filters, Mapping) and all(isinstance(f, Chosen) for f in filters.values()):
        return dict(filters)
    if isinstance(filters, Mapping):
        pairs = [(label, *_parts(wanted)) for label, wanted in filters.items()]
    else:
        one = isinstance(filters, str) or not isinstance(filters, Iterable)
        pairs = [(None, wanted, {}) for wanted in ([filters] if one else filters)]
    found: dict[str, Chosen] = {}
    for label, wanted, given in pairs:
        kind, ready = _kind(wanted, weights)
        label = kind.name if label is None else label
        if not isinstance(label, str) or not label or label in found:
            raise ValueError(
                f"filters {[p[1] for p in pairs]}: each once, or a mapping from labels is needed; "
                f"there is another {label!r}"
            )
        mine = options.get(label, {})
        if not isinstance(mine, Mapping):
            raise ValueError(f"options of {label!r} = {mine!r}: a mapping by name is needed")
        mine = {**given, **mine}
        members = mine.pop(MEMBERS, None)
        if members is not None and not is_whole(members, 1):
            raise ValueError(
                f"{MEMBERS} of {label!r} = {members!r}: a whole number of at least 1 is needed"
            )
        if ready is not None and mine:
            raise ValueError(f"options of {label!r} = {mine}: the filter is made already")
        found[label] = Chosen(label, kind, check_options(kind, mine, label), members, ready)
    if not found:
        raise ValueError(f"filters {filters!r}: choose one or more of {', '.join(FILTERS)}")
    if unknown := [label for label in options if label not in found]:
        raise ValueError(f"options of {unknown}: the filters are {', '.join(found)}")
    return found


def make_filter(
    filter_: Wanted,
    benchmark: str | Benchmark,
    members: int = 20,
    seed: int = 0,
    device: str | torch.device = "auto",
    model: LatentModel | None = None,
    **options: Any,
) -> Filter:
    """A filter with its prior ensemble of ``members``, ready to follow a twin.

    Args:
        filter_: name, class or object.
        model: for a latent filter, on ``device``; by default the benchmark's shipped one.
        options: of the filter; those not given are the tuned ones or the class's defaults.

    Raises:
        ValueError: if an argument cannot be used, naming it and what is allowed.
        CheckpointError: if the filter needs trained weights that cannot be loaded.
    """
    benchmark, device = get_benchmark(benchmark), resolve_device(device)
    weights = model is not None or has_weights(benchmark)
    ((label, one),) = chosen([filter_], None, weights).items()
    one = Chosen(label, one.kind, check_options(one.kind, options, label), None, one.ready)
    if one.latent and model is None and one.ready is None:
        model = load_pretrained(benchmark, device)
    return one.started(benchmark, model, device, members, seed)


def _parts(wanted: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(wanted, tuple):
        return wanted, {}
    if len(wanted) != 2 or not isinstance(wanted[1], Mapping):
        raise ValueError(f"filter {wanted!r}: a filter, or a filter and its options, is needed")
    return wanted[0], dict(wanted[1])


def _kind(wanted: Any, weights: bool) -> tuple[type[Filter], Filter | None]:
    kind, ready = wanted, None
    if isinstance(wanted, str):
        kind = FILTERS[wanted]
    elif not isinstance(wanted, type):
        kind, ready = type(wanted), wanted
    if Filter not in kind.__mro__:
        raise ValueError(f"filter {wanted!r}: a name, a class or an object of Filter is needed")
    if ready is None and not weights and kind.kind == "latent" and kind.without_weights:
        kind = kind.without_weights
    return kind, ready
