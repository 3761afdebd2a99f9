"""Settings that are changed while a run goes on, set against what the run was given."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ldensf_app.settings import Settings
from ldensf_app.setup import LIVE

SETTLED = 0.25
"""Seconds without another change after which changes are made: a slider passes many values."""


class Edits:
    """Tells which settings the run has yet to follow.

    Attributes:
        start: the setup with which the run began.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.begin()

    def begin(self) -> None:
        """A run begins with the present settings."""
        self.start = self._followed = self._settings.setup()
        self._last = float("inf")  # second of the last change

    def note(self) -> list[str]:
        """A setting has changed: names of those that need a reset to take effect."""
        changed = self._followed.changes(self._settings.setup())
        if any(name in LIVE for name in changed):
            self._last = time.monotonic()
        return [name for name in changed if name not in LIVE]

    @property
    def settled(self) -> bool:
        """Whether there are changes to be made, and none has come for a moment."""
        return time.monotonic() > self._last + SETTLED

    def take(self) -> dict[str, Any]:
        """The changes that need no reset, as arguments of ``Twin.change``; they count as made.

        Raises:
            ValueError: if the settings allow no sensors.
        """
        self._last = float("inf")
        setup = self._settings.setup()
        changes = setup.live_changes(self._followed)
        self._followed = replace(self._followed, **{name: getattr(setup, name) for name in LIVE})
        return changes
