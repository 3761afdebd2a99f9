"""The preset that is open on a page, set against what has been asked for since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ldensf_app.presets import Preset
from ldensf_app.setup import Setup
from ldensf_core.twin.conditions import Change


@dataclass(frozen=True)
class Opened:
    """A preset and what it made of the settings.

    Attributes:
        name: of the preset, see ``presets``.
        setup: with which its run begins. ``changes``: those that it brings.
    """

    name: str
    preset: Preset
    setup: Setup
    changes: tuple[Change, ...]

    def changed(self, setup: Setup, changes: Iterable[Change]) -> list[str]:
        """Names of what is otherwise in a run; the device does not matter.

        Args:
            setup: with which it begins. ``changes``: those on its way.
        """
        by_hand = [given for index, given in changes if (index, given) not in self.changes]
        names = [*self.setup.changes(setup), *(name for given in by_hand for name in given)]
        return [name for name in dict.fromkeys(names) if name != "device"]
