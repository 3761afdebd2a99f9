"""What both workers show at one moment, read as one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from ldensf_app.frames import Frame
from ldensf_app.labels import title
from ldensf_app.setup import DEFAULT_FILTERS, Setup
from ldensf_app.snapshot import Record, Snapshot
from ldensf_core import FILTERS
from ldensf_core.filters import KINDS, Filter
from ldensf_core.observations.innovation import disagreement

SIMPLE = ("noise", "missing", "every", "members", "variables")
"""Changes that are fields of a setup."""


TILES = 4
"""Filters that have one, at most."""


class View:
    """The workers' snapshots of one moment, looked at together.

    A full-space worker that is still busy with an earlier setup, a cycle of it being long,
    counts as ``queued``: results of two setups are never shown beside each other.

    Attributes:
        versions: advance whenever there is something new to show.
        lead: the snapshot whose truth and sensors are shown: that of the latent worker, or of
            the full-space one if the latent one has no filter or has failed.
        snapshots: both.
    """

    def __init__(self, latent: Snapshot, full_space: Snapshot) -> None:
        self.versions = (latent.version, full_space.version)
        of_one_run = (full_space.run, full_space.setup) == (latent.run, latent.setup)
        if latent.setup is not None and not of_one_run:
            full_space = Snapshot(run=latent.run, phase="queued", setup=latent.setup)
        self.snapshots = (latent, full_space)
        alone = latent.phase in ("idle", "failed") and full_space.truth is not None
        self.lead = full_space if alone else latent

    def any(self, *phases: str) -> bool:
        """Whether either worker is in one of ``phases``."""
        return any(s.phase in phases for s in self.snapshots)

    @property
    def starting(self) -> bool:
        """Whether either worker has yet to show its first cycle."""
        return self.any("loading", "queued")

    @property
    def halted(self) -> bool:
        """Whether neither worker has anything more to do: the run is over, or has failed."""
        return not self.starting and not self.any("paused", "playing")

    def ended_since(self, versions: tuple[int, ...]) -> bool:
        """Whether the run has ended by itself, and not before the workers were at ``versions``."""
        pairs = zip(self.snapshots, self.versions, versions, strict=True)
        return self.halted and all(now != then for s, now, then in pairs if s.phase == "finished")

    @property
    def message(self) -> str:
        """What went wrong, once if it is the same for both."""
        return " ".join(dict.fromkeys(s.message for s in self.snapshots if s.message))

    @property
    def present(self) -> Setup | None:
        """The setup as it is at the latest cycle: with the changes that hold by then."""
        setup, lead = self.lead.setup, self.lead
        for index, change in lead.changes:
            if index <= lead.index:
                setup = replace(setup, **{n: v for n, v in change.items() if n in SIMPLE})
        return setup

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all filters of the run."""
        return self.lead.setup.filters if self.lead.setup else ()

    @property
    def notices(self) -> list[str]:
        """What could not be done, though the run goes on."""
        return list(dict.fromkeys(s.notice for s in self.snapshots if s.notice))

    @property
    def shown(self) -> tuple[str, str]:
        """The latent and the full-space filter that have maps: the first that is chosen of each.

        Those of the default scene where none is.
        """
        latent, full_space = (
            self._first(lambda of, kind=kind: of.corrects and of.kind == kind) for kind in KINDS
        )
        return latent, full_space

    @property
    def in_tiles(self) -> tuple[str, ...]:
        """Filters with tiles: two latent ones, a full-space one, and one that never corrects.

        Where one of these is not chosen, another has its place.
        """
        latent, full_space = self.shown
        chosen = self.lead.setup.classes if self.lead.setup else {}
        second = (n for n, of in chosen.items() if of.kind == KINDS[0] and of.corrects)
        wanted = (
            latent,
            *islice((n for n in second if n != latent), 1),
            full_space,
            self.uncorrected,
        )
        if not chosen:
            return wanted
        first = [name for name in wanted if name in chosen]
        others = islice((n for n in chosen if n not in first), TILES - len(first))
        return tuple(sorted((*first, *others), key=lambda n: not chosen[n].corrects))

    @property
    def disagreements(self) -> list[str]:
        """What to tell people where observations disagree with the model of a filter."""
        found = []
        for name, records in self.history().items():
            last = records[-1]
            if last.limit is not None:
                told = disagreement(last.innovations, last.limit)
                found += [f"{title(name)}: {told}"] if told else []
        return found

    @property
    def uncorrected(self) -> str:
        """The filter that shows what is known without observations."""
        return self._first(lambda of: not of.corrects)

    def _first(self, suits: Callable[[type[Filter]], bool]) -> str:
        chosen = self.lead.setup.classes if self.lead.setup else {}
        default = {name: FILTERS[name] for name in DEFAULT_FILTERS}
        return next(n for n, of in (*chosen.items(), *default.items()) if suits(of))

    def of(self, name: str) -> Snapshot | None:
        """The snapshot that holds filter ``name``, if there is one with results of it."""
        return next((s for s in self.snapshots if s.records and name in s.records[-1]), None)

    def frame(self, kind: str, label: str, index: int | None = None) -> Frame | None:
        """A field of cycle ``index``, by default of the latest, if it is there.

        Args:
            kind: ``truth``, ``mean`` or ``spread``; ``label``: of the filter, empty for the truth.
        """
        snapshot = self.of(label) if label else self.lead
        if snapshot is None or not snapshot.frames:
            return None
        if index is None:
            return snapshot.frames[-1].get((kind, label))
        return snapshot.frames[index].get((kind, label)) if index < len(snapshot.frames) else None

    def latest(self, name: str) -> Record | None:
        """The newest record of filter ``name``."""
        snapshot = self.of(name)
        return snapshot.records[-1][name] if snapshot else None

    def history(self) -> dict[str, list[Record]]:
        """All records of every filter."""
        return {
            name: [r[name] for r in s.records]
            for s in self.snapshots
            if s.records
            for name in s.records[-1]
        }
