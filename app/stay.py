"""The stay of a dashboard in a notebook: from the cell that shows it until nobody can see it.

A cell that is run again ends what it showed before (``cells``). Browsers that go away say nothing;
for them there is the ``Pulse`` on the page, whose absence is noticed.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.custom import JSComponent

from ldensf_app import cell_view, cells

if TYPE_CHECKING:
    from ldensf_app.dashboard import Dashboard

BEAT = 10
"""Seconds between two beats. A browser lets a page in the background have one a minute."""
FIRST_CYCLE = 10.0
"""Seconds for which a cell waits for it at most."""
UNSEEN = 180.0
"""Seconds after which a dashboard ends that no browser shows."""


class Pulse(JSComponent):
    """Counts as long as a browser shows it; takes no room."""

    beats = param.Integer(default=0)

    _esm = f"""
    export function render({{ model }}) {{
      const beat = () => {{ model.beats += 1 }}
      const timer = setInterval(beat, {1000 * BEAT})
      model.on("remove", () => clearInterval(timer))
      beat()
    }}
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)


class Stay:
    """Shows a dashboard in cells, and knows whether a browser still does."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._unseen: float | None = None  # seconds; None where no browser is asked

    @cached_property
    def view(self) -> pmui.Column:
        """What stands in a cell."""
        pulse = Pulse()
        pulse.param.watch(self._seen, "beats")
        return cell_view.view(self._dashboard.page, self._dashboard.controls, pulse)

    def enter(self) -> None:
        """A cell shows it: wait for its first cycle."""
        cells.occupy(self._dashboard)
        self._unseen = 0.0
        # What changes between a cell's output and its arrival in the browser is lost there.
        end = time.monotonic() + FIRST_CYCLE
        while time.monotonic() < end:
            view = self._dashboard.race.view()
            if view.lead.setup is not None and not view.starting:
                break
            time.sleep(0.02)
        self._dashboard.pull()
        self._dashboard.start_pulling()

    def leave(self) -> None:
        """Pages that are still open do not start it any more."""
        self._unseen = None
        self.push()

    def is_over(self, seconds: float) -> bool:
        """Whether no browser has shown it for too long, now that ``seconds`` more have passed."""
        # Not by the clock: while a long cell is run neither this nor a browser is heard.
        if self._unseen is not None:
            self._unseen += seconds
        return self._unseen is not None and self._unseen > UNSEEN

    def push(self) -> None:
        """Send what has changed to the cells that show it."""
        if "view" in vars(self):
            pn.io.push_notebook(self.view)

    def _seen(self, *_: Any) -> None:
        """A browser shows it; if it had been away for so long that the end came, start anew."""
        if self._unseen is None:
            return
        self._unseen = 0.0
        if self._dashboard.ended:
            self._dashboard.start()
            self._dashboard.start_pulling()
