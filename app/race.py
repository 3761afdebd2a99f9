"""Two workers on one track: the latent filters, and the full-space ones at their own pace.

Both run the same truth and the same observations, since these are pure functions of the seed and
of the changes on one timeline. Neither waits for the other: the race shows how
far the full-space filters fall behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ldensf_app.setup import FULL_SPACE, LATENT, Setup
from ldensf_app.timeline import Timeline
from ldensf_app.view import View
from ldensf_app.worker import Worker
from ldensf_core.twin.conditions import Change


class Race:
    """Commands for both workers, and their two snapshots read as one run.

    Attributes:
        runs: number of resets so far; that of the run asked for last.
    """

    def __init__(self) -> None:
        self.latent = Worker(LATENT, first=True)
        self.full_space = Worker(FULL_SPACE)
        self.workers = (self.latent, self.full_space)
        self._timeline, self.runs = Timeline(), 0

    def reset(self, setup: Setup, changes: Iterable[Change] = ()) -> None:
        """Start both on a new setup, paused at its first cycle.

        Args:
            changes: those that are known beforehand.
        """
        self._timeline = Timeline(changes)
        self.runs += 1
        for worker in self.workers:
            worker.reset(setup, self._timeline, self.runs)

    def change(self, **changes: Any) -> None:
        """Change what is named from the next cycle on, see ``Twin.change``; the run goes on.

        The next cycle is that of the worker in front; the other one sees the change when it comes
        there. Of a change that cannot be made, ``Snapshot.notice`` tells.
        """
        self._timeline.change(**changes)
        for worker in self.workers:
            worker.heed()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes that were asked for so far, and those that were known beforehand."""
        return self._timeline.changes

    def play(self) -> None:
        """Let both run."""
        for worker in self.workers:
            worker.play()

    def pause(self) -> None:
        """Halt both."""
        for worker in self.workers:
            worker.pause()

    def step(self) -> None:
        """One cycle of both."""
        for worker in self.workers:
            worker.step()

    def set_speed(self, cycles_per_second: float) -> None:
        """The pace of both, as far as they can keep it."""
        for worker in self.workers:
            worker.set_speed(cycles_per_second)

    def close(self) -> None:
        """End both threads."""
        for worker in self.workers:
            worker.close()

    def view(self) -> View:
        """The two snapshots of this moment."""
        return View(self.latent.snapshot, self.full_space.snapshot)

    @property
    def is_at_its_end(self) -> bool:
        """Whether the run asked for last has run to its last cycle."""
        view = self.view()
        return view.lead.run == self.runs and view.any("finished") and view.halted

    @property
    def changes_made(self) -> tuple[Change, ...]:
        """What changes on the way in the run asked for last, as far as workers could do so."""
        view = self.view()
        if view.lead.run != self.runs or view.lead.index < 0:
            return self._timeline.changes  # nothing has been tried yet
        return max((s.changes for s in view.snapshots), key=len)
