"""Files of a run, made in a thread: a film takes seconds in which the page must go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ldensf_app import pictures
from ldensf_app.export import netcdf, view_dataset
from ldensf_app.view import View
from ldensf_app.worker import explain

log = logging.getLogger(__name__)

_one_thread = ThreadPoolExecutor(1, "ldensf-files")
"""For all visitors, so that those who make films leave the cores to those who watch."""


@dataclass(frozen=True)
class Kind:
    """A file: its name, its media type, and what makes its content of a view."""

    name: str
    media: str
    make: Callable[[View, Any, int], bytes]


KINDS = {
    "netcdf": Kind(
        "ldensf-run.nc",
        "application/x-netcdf",
        lambda view, benchmark, _: netcdf(view, benchmark).getvalue(),
    ),
    "png": Kind(
        "ldensf-run.png",
        "image/png",
        lambda view, benchmark, cycle: pictures.png(view_dataset(view, benchmark), cycle),
    ),
    "mp4": Kind(
        "ldensf-run.mp4",
        "video/mp4",
        lambda view, benchmark, _: pictures.mp4(view_dataset(view, benchmark)),
    ),
}


class Takeaway:
    """One visitor's file that is being made."""

    def __init__(self) -> None:
        self._job: tuple[Kind, Future[bytes]] | None = None

    @property
    def busy(self) -> str:
        """Name of the file that is being made; empty if none is."""
        return self._job[0].name if self._job else ""

    def make(self, kind: str, view: View, benchmark: Any, cycle: int) -> None:
        """Begin, unless one is being made.

        Args:
            cycle: the one that a picture shows.
        """
        if self._job is None:
            of = KINDS[kind]
            self._job = of, _one_thread.submit(of.make, view, benchmark, cycle)

    def cancel(self) -> None:
        """Let go of the file: nobody is there to have it."""
        if self._job is not None:
            self._job[1].cancel()
            self._job = None

    def made(self) -> tuple[str, str, bytes] | None:
        """Name, media type and content of the file once it is there; None until then.

        Raises:
            RuntimeError: if it could not be made, saying why.
        """
        if self._job is None or not self._job[1].done():
            return None
        (kind, future), self._job = self._job, None
        try:
            return kind.name, kind.media, future.result()
        except Exception as error:
            log.exception("%s: %s", kind.name, error)
            raise RuntimeError(f"{kind.name} could not be made. {explain(error)}") from error
