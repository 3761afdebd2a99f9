"""What the workers have published is put on the page, as fast as the browser can follow.

The next picture of the maps is sent when the browser has drawn the one before; texts and charts
are brought up to date a few times a second, and at once where a run starts or halts.
"""

from __future__ import annotations

import logging
import time

import panel as pn

from ldensf_app.page import Page
from ldensf_app.view import View
from ldensf_app.worker import explain

log = logging.getLogger(__name__)

REST_PERIOD = 0.3
"""Seconds between two looks at all but the maps, while cycles come fast."""
PATIENCE = 1.0
"""Seconds after which a picture is sent though the browser has not said that it drew the last."""


class Display:
    """Puts views on a page if they are news."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.renew()

    def renew(self) -> None:
        """Forget what was shown: other workers begin."""
        self._maps: tuple[int, ...] = ()  # versions of what was shown last
        self._rest: tuple[int, ...] = ()
        self._phases: tuple[str, ...] = ()
        self._sent = self._drawn = 0  # pictures of the maps
        self._sent_at = self._rest_at = -1e9

    def drawn(self, picture: int) -> None:
        """The browser has drawn this one of the pictures that were sent."""
        self._drawn = picture

    def show_news(self, view: View, pace: float) -> bool:
        """Put on the page what it does not show yet; returns whether there was anything.

        Of a view that cannot be drawn the page says why, and the next one is tried.

        Args:
            pace: cycles per second asked for.
        """
        now, phases = time.monotonic(), _phases(view)
        quiet = phases != self._phases or "playing" not in phases
        rest = view.versions != self._rest and (quiet or now > self._rest_at + REST_PERIOD)
        waits = 0 < self._drawn < self._sent and now < self._sent_at + PATIENCE
        maps = view.versions != self._maps and not waits
        if maps or rest:
            try:
                self.show(view, pace, maps, rest)
            except Exception as error:  # or a notebook would never look again
                log.exception("drawing: %s", error)
                self._maps = self._rest = view.versions
                self.page.say(f"This cycle cannot be drawn. {explain(error)}")
        return maps or rest

    def show(self, view: View, pace: float, maps: bool = True, rest: bool = True) -> None:
        """Put a view on the page, all of it or only its maps or the rest."""
        with pn.io.hold():
            setup = view.lead.setup
            if setup is not None and setup.benchmark != self.page.scene.benchmark.name:
                self.page.describe(setup.benchmark)
            if maps and setup is not None:
                self._sent, self._sent_at = self.page.draw_maps(view), time.monotonic()
                self._maps = view.versions
            if rest:
                self.page.draw_rest(view, pace)
                self._phases, self._rest = _phases(view), view.versions
                self._rest_at = time.monotonic()


def _phases(view: View) -> tuple[str, ...]:
    return tuple(snapshot.phase for snapshot in view.snapshots)
