"""Files of a run, made in a thread: a film takes seconds in which the page must go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
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
    """A file: its name, its media type, and what makes its content.

    Attributes:
        make: takes a view, its benchmark, the cycle that a picture shows, and what is to be called
            after each frame of a film: it raises once nobody waits for the file any more.
    """

    name: str
    media: str
    make: Callable[[View, Any, int, Callable[..., None]], bytes]


KINDS = {
    "netcdf": Kind(
        "ldensf-run.nc",
        "application/x-netcdf",
        lambda view, benchmark, _, on_frame: netcdf(view, benchmark).getvalue(),
    ),
    "png": Kind(
        "ldensf-run.png",
        "image/png",
        lambda view, benchmark, cycle, _: pictures.png(view_dataset(view, benchmark), cycle),
    ),
    "mp4": Kind(
        "ldensf-run.mp4",
        "video/mp4",
        lambda view, benchmark, _, on_frame: pictures.mp4(view_dataset(view, benchmark), on_frame),
    ),
}


class Job:
    """A file that is being made, or waits for its turn.

    Attributes:
        future: of its content.
    """

    def __init__(self, kind: Kind, view: View, benchmark: Any, cycle: int) -> None:
        self.kind = kind
        self._cancelled = threading.Event()
        self.future: Future[bytes] = _one_thread.submit(
            kind.make, view, benchmark, cycle, self._go_on
        )

    def cancel(self) -> None:
        """Let it not begin, or if it is a film end after the present frame."""
        self._cancelled.set()
        self.future.cancel()

    def _go_on(self, *_: int) -> None:
        if self._cancelled.is_set():
            raise CancelledError


class Takeaway:
    """One visitor's file that is being made."""

    def __init__(self) -> None:
        self._job: Job | None = None

    @property
    def busy(self) -> str:
        """Name of the file that is being made; empty if none is."""
        return self._job.kind.name if self._job else ""

    def make(self, kind: str, view: View, benchmark: Any, cycle: int) -> None:
        """Begin, unless one is being made.

        Args:
            cycle: the one that a picture shows.
        """
        if self._job is None:
            self._job = Job(KINDS[kind], view, benchmark, cycle)

    def cancel(self) -> None:
        """Let go of the file: nobody is there to have it."""
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def made(self) -> tuple[str, str, bytes] | None:
        """Name, media type and content of the file once it is there; None until then.

        Raises:
            RuntimeError: if it could not be made, saying why.
        """
        if self._job is None or not self._job.future.done():
            return None
        job, self._job = self._job, None
        kind = job.kind
        try:
            return kind.name, kind.media, job.future.result()
        except Exception as error:
            log.exception("%s: %s", kind.name, error)
            raise RuntimeError(f"{kind.name} could not be made. {explain(error)}") from error
