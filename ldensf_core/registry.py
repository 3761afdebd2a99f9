"""Registries of benchmarks, filters and decoders, including those of other packages.

Another installed package adds to them by an entry point of the group ``ldensf.benchmarks``,
``ldensf.filters`` or ``ldensf.decoders``; a script or notebook calls ``register``. Each thing has
a ``name``.
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
    """Things by their ``name``, in order of registration.

    Args:
        what: their kind, for messages.
        own: the things of this package.
        check: raises ``ValueError`` if a thing is not of this kind.

    Entry points are loaded at the first look-up. One that fails to load is logged and skipped, so
    that a mistake in one package does not break others.
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
        """Add a thing and return it, so this works as a class decorator. Repeating it is harmless.

        Raises:
            ValueError: if it is not of this kind, its name is invalid, or the name is taken.
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
        """Remove the thing called ``name``, so that it can be defined again.

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
                self._loaded = True  # the imported package may look things up here
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
