"""What a visitor takes away: files that are made in a thread, a link, lines of Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ldensf_app.as_python import as_python
from ldensf_app.controls import Controls
from ldensf_app.link import SCENE, encode
from ldensf_app.page import Page
from ldensf_app.scenario import Scenario
from ldensf_app.takeaway import Takeaway
from ldensf_app.view import View


class Offers:
    """Makes what was asked for, and hands it to the browser.

    Args:
        scenario: called for the description of the run; may raise ``ValueError``.
    """

    def __init__(self, page: Page, controls: Controls, scenario: Callable[[], Scenario]) -> None:
        self._page, self._controls, self._scenario = page, controls, scenario
        self.takeaway = Takeaway()
        self._kept: object = None

    def keep_scene(self, of: object) -> None:
        """Let the browser keep the scene of the run, to open it again after a server is gone.

        Args:
            of: equal to the last one if the scene is still the same.
        """
        if of == self._kept:
            return
        self._kept, text = of, ""
        with suppress(ValueError):  # one that no link can hold cannot be kept
            text = encode(self._scenario())
        self._page.guide.scene = text

    def take(self, kind: str, view: View, cycle: int) -> None:
        """Begin a file of the run so far, or show a link or lines of Python.

        Args:
            kind: of ``controls.TAKEAWAY``.
            cycle: the one that a picture shows, or the maps of the lines of Python.
        """
        if kind not in ("link", "python"):
            self.takeaway.make(kind, view, self._page.scene.benchmark, cycle)
            self._controls.show_making(self.takeaway.busy)
            return
        try:
            scenario = self._scenario()
            if kind == "link":
                query = f"{SCENE}={encode(scenario)}"
                self._page.guide.offer("A link to this scene", query=query)
            else:
                self._page.guide.offer("This run in Python", text=as_python(scenario, cycle))
        except ValueError as error:
            self._page.say(f"This run cannot be described. {error}")

    def hand_over(self) -> None:
        """Send the file that was asked for once it is there."""
        try:
            file = self.takeaway.made()
        except RuntimeError as error:
            self._controls.show_making("")
            self._page.say(str(error))
            return
        if file is not None:
            self._controls.show_making("")
            self._page.guide.save(*file)
