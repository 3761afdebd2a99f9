"""The dashboard: keeps page and workers in step.

Nothing is computed here. Callbacks of widgets send commands to the workers; a periodic callback
looks whether a worker has published a newer snapshot and, if so, swaps the data of the figures
in one message.

Settings take effect with a reset, and the page says so; at the first cycle, paused, a change
resets by itself, since there is nothing yet to lose. Playing from the end starts again.
"""

from __future__ import annotations

import io
import logging
import time
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly
from panel.viewable import Viewer

from ldensf_app import layout, readout, style
from ldensf_app.controls import Controls
from ldensf_app.export import netcdf
from ldensf_app.race import Race, View
from ldensf_app.scene import TRUTH, Scene, symbol, telling
from ldensf_app.settings import Settings
from ldensf_app.warmup import warm_up
from ldensf_app.worker import explain
from ldensf_core import get_benchmark

log = logging.getLogger(__name__)

PULL_PERIOD = 100
"""Milliseconds between two looks at the workers."""

FIRST_CYCLE = 10.0
"""Seconds for which a notebook's cell waits for it at most."""

NOTEBOOK_HEIGHT = 800
"""Pixels, of the figures in a notebook's cell."""


class Dashboard(Viewer):
    """A live twin experiment: shows itself in a notebook cell, and serves itself as a page.

    In a notebook, ``pn.extension()`` has to be called first. Close it to end its two threads;
    a served page does so when its browser goes away.

    Args:
        settings: initial values of ``Settings``, for instance ``noise=0.3, members=100``.

    Raises:
        ValueError: for a setting out of its bounds.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = Settings(**settings)
        self.race, self.scene = Race(), Scene()
        self.controls = Controls(self.settings, self._export)
        self.tiles, self.status, self.numbers = layout.html(), layout.html(), layout.html()
        self.titles = {name: layout.html() for name in (*self.scene.maps, *readout.CURVES)}
        self.unit, self.story = layout.html(sizing_mode=None), layout.html()
        self.variable = pmui.RadioButtonGroup(
            options={"-": 0}, value=0, size="small", margin=(4, 0, 0, 0), width=120,
            sx={"& .MuiToggleButton-root": {"py": "0px"}},
        )  # fmt: skip
        self.unknowns = layout.html()
        self.main = layout.MainArea(
            self.scene, self.tiles, self.status, self.titles, [self.variable, self.unit],
            self.unknowns, self.numbers,
        )  # fmt: skip
        self._versions: tuple[int, ...] = ()
        self._warm = False
        self._view: pmui.Column | None = None
        self._puller: Any = None
        self._describe(self.settings.benchmark)
        self._connect()
        self.reset()

    def _connect(self) -> None:
        controls = self.controls
        controls.play.on_click(lambda _: self.play())
        controls.step.on_click(lambda _: self.race.step())
        controls.reset.on_click(lambda _: self.reset())
        controls.speed.param.watch(lambda event: self.race.set_speed(event.new), "value")
        self.settings.param.watch(self._settings_changed, list(controls.widgets))
        self.variable.param.watch(self._variable_changed, "value")

    # -- commands -------------------------------------------------------------------------

    def reset(self) -> None:
        """Start over, paused at the first cycle, with the present settings."""
        self._wanted = self.settings.setup()
        self.race.reset(self._wanted)
        self.controls.show_changes([])

    def play(self) -> None:
        """Run, or pause if running; from the end, start over."""
        view = self.race.view()
        if view.any("playing"):
            self.race.pause()
            return
        if not view.starting and not view.any("paused"):
            self.reset()
        self.race.play()

    def close(self) -> None:
        """End the workers; the page can no longer be driven."""
        if self._puller is not None:
            self._puller.stop()
        self.race.close()

    def _settings_changed(self, *_: Any) -> None:
        lead, setup = self.race.view().lead, self.settings.setup()
        fresh = lead.index <= 0 and lead.phase != "playing"
        if fresh or setup.benchmark != self._wanted.benchmark:
            if setup != self._wanted:  # another benchmark brings other settings with it
                self.reset()
        else:
            self.controls.show_changes(self._wanted.changes(setup))

    def _export(self) -> io.BytesIO | None:
        try:
            return netcdf(self.race.view(), self.scene.benchmark)
        except Exception as error:
            log.exception("export: %s", error)
            self.status.object = readout.message(f"Export failed. {explain(error)}")
            return None

    # -- keeping up -----------------------------------------------------------------------

    def pull(self) -> None:
        """Show the workers' snapshots if one has advanced since the last time.

        Where a browser has gone, the run is paused: nobody sees it, and others need the cores.
        """
        view = self.race.view()
        if not _watched():
            if view.any("playing"):
                self.race.pause()
            return
        if view.versions == self._versions:
            return
        with pn.io.hold():
            self._show(view)
        self._versions = view.versions  # what could not be shown is tried again
        if self._view is not None:
            pn.io.push_notebook(self._view)
        if view.lead.records and not self._warm:
            self._warm = True
            warm_up(self.settings.seed, self.settings.device)

    def _show(self, view: View) -> None:
        setup = view.lead.setup
        if setup is not None and setup.benchmark != self.scene.benchmark.name:
            self._describe(setup.benchmark)
        self.scene.show(view)
        self.tiles.object = readout.tiles(view, self.scene.benchmark)
        self.status.object = readout.status(view)
        self.numbers.object = readout.parameters(view, self.scene.benchmark)
        for name, quantity in self.scene.quantities.items():
            self.titles[name].object = readout.map_title(name, view, quantity)
        for name in readout.CURVES:
            self.titles[name].object = readout.curves_title(name, view)
        self.main.make_room(len(setup.filters) if setup else 0)
        self.controls.show_playing(view.any("playing"))

    def _describe(self, name: str) -> None:
        """Name everything after benchmark ``name``, showing the most telling of its variables."""
        benchmark = get_benchmark(name)
        shown = telling(benchmark)
        self.story.object = readout.story(benchmark)
        self.unknowns.object = readout.unknowns(benchmark)
        self.main.arrange(benchmark)
        self._show_variable(benchmark, shown)
        options = {symbol(v): i for i, v in enumerate(benchmark.variables)}
        self.variable.param.update(options=options, value=shown)

    def _variable_changed(self, event: Any) -> None:
        if event.new != self.scene.variable:
            self._show_variable(self.scene.benchmark, event.new)
            self._versions = ()
            self.pull()

    def _show_variable(self, benchmark: Any, variable: int) -> None:
        self.scene.describe(benchmark, variable)
        self.unit.object = f'<div class="unit">{self.scene.quantities[TRUTH]}</div>'

    # -- on display -----------------------------------------------------------------------

    def __panel__(self) -> pmui.Column:
        if self._view is None:
            self._await_first_cycle()
            main = pn.Column(self.main.view, height=NOTEBOOK_HEIGHT, sizing_mode="stretch_width")
            self._view = pmui.Column(
                self.controls.bar(),
                main,
                self.controls.drawer(),
                theme_config=style.THEME,
                sizing_mode="stretch_width",
            )
            self._start_pulling()
        return self._view

    def _await_first_cycle(self) -> None:
        # What changes between a cell's output and its arrival in the browser is lost there.
        end = time.monotonic() + FIRST_CYCLE
        view = self.race.view()
        while (view.lead.setup is None or view.starting) and time.monotonic() < end:
            time.sleep(0.02)
            view = self.race.view()
        self.pull()

    def servable(self, *args: Any, **kwargs: Any) -> pmui.Page:
        """The page that ``panel serve app`` shows; its workers end with the session."""
        page = pmui.Page(
            title="LD-EnSF",
            header=[self.story],
            sidebar=[self.controls.sidebar()],
            sidebar_width=280,
            main=[self.main.view],
            theme_config=style.THEME,
            busy_indicator=None,
        )
        # The page would follow whether the server is busy with anything for anyone, and look
        # through all of its models each time: ten times a second and browser, 0.1 s each.
        with edit_readonly(page):
            page.busy = False
        # Data sent while the browser still builds the page would not arrive in its figures.
        pn.state.onload(self._start_pulling)
        pn.state.on_session_destroyed(lambda _: self.close())
        return page.servable(*args, **kwargs)

    def _start_pulling(self) -> None:
        self._puller = pn.state.add_periodic_callback(self.pull, period=PULL_PERIOD)


def _watched() -> bool:
    """Whether somebody would see an update: always in a notebook, else with a browser there."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = getattr(context, "session", None)
    return session is None or session.connection_count > 0
