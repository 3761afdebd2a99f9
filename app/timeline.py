"""Changes of a run while it is running, which all workers see from the same cycle on."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from ldensf_core.twin.conditions import Change


class Timeline:
    """The changes of one run, each with the cycle from which it holds.

    Workers run the same truth and the same observations, each at its own pace. A worker enters a
    cycle before it looks at anything of it, and a change holds from the first cycle that no worker
    has entered. Both happen under one lock: hence no worker can have run that cycle without the
    change, and every one gets it on entering, however far behind.
    """

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        """Args: ``changes`` are known before the run."""
        self._lock = threading.Lock()
        self._entered = -1
        self._changes = tuple(changes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes so far, in the order of their cycles."""
        return self._changes

    def change(self, **changes: Any) -> int:
        """Change what is named from the next cycle on; return the index of that cycle.

        Each name is a separate change. What one worker alone can refuse, the ``members`` of its
        filters, then keeps no other change from being made by all.
        """
        with self._lock:
            index = self._entered + 1
            new = ((index, MappingProxyType({name: value})) for name, value in changes.items())
            self._changes = (*self._changes, *new)
            return index

    def enter(self, index: int) -> tuple[Change, ...]:
        """Begin cycle ``index``; return all changes so far, those of later cycles too."""
        with self._lock:
            self._entered = max(self._entered, index)
            return self._changes
