"""What there is of a kind: benchmarks, filters, decoders, also those of other packages.

A package that is installed beside this one brings its own by an entry point, of the group
``ldensf.benchmarks``, ``ldensf.filters`` or ``ldensf.decoders``; a script or notebook registers
them. Each says its own name.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

Thing = TypeVar("Thing")

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Registry(Mapping[str, Thing], Generic[Thing]):
    """Things by their ``name``, in the order in which they came.

    Args:
        what: they are, for messages.
        own: those of this package.
        check: raises ``ValueError`` for what is no such thing.

    Entry points are loaded when something is first looked up. One that cannot be loaded is logged
    and left out: a mistake in one package does not keep others from working.
    """

    def __init__(
        self, what: str, own: Iterable[Thing], check: Callable[[Any], None] = lambda thing: None
    ) -> None:
        self.what, self._check = what, check
        self._things: dict[str, Thing] = {}
        self._loading, self._loaded = threading.RLock(), False
        for thing in own:
            self.register(thing)

    def register(self, thing: Thing) -> Thing:
        """Add a thing; gives it back, so that it decorates a class. To repeat it changes nothing.

        Raises:
            ValueError: if it is no such thing, its name is none, or another one has it.
        """
        self._check(thing)
        name = getattr(thing, "name", None)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(
                f"{self.what} {thing!r} is called {name!r}: a name of lower-case letters and "
                "digits, with hyphens between them, is needed"
            )
        with self._loading:
            if self._things.setdefault(name, thing) is not thing:
                raise ValueError(f"there is another {self.what} called {name!r}: choose a new name")
        return thing

    def unregister(self, name: str) -> None:
        """Take out what is called ``name``, so that it can be defined anew.

        Raises:
            ValueError: if there is none.
        """
        with self._loading:
            self[name]
            del self._things[name]

    def __getitem__(self, name: str) -> Thing:
        if not isinstance(name, str) or name not in self._all():
            raise ValueError(f"{self.what} {name!r} is unknown; there are {', '.join(self)}")
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, Thing]:
        with self._loading:
            if not self._loaded:
                self._loaded = True  # what an entry point imports may look things up here
                for point in entry_points(group=f"ldensf.{self.what}s"):
                    try:
                        self.register(point.load())
                    except Exception as error:
                        logging.getLogger(__name__).warning(
                            "%s %r of %s cannot be used: %s",
                            self.what,
                            point.name,
                            point.dist.name if point.dist else "a package",
                            error,
                        )
            return self._things
