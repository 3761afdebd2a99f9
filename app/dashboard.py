"""The dashboard: keeps page and workers in step.

Nothing is computed here. Callbacks of widgets send commands to the workers; a periodic callback
looks whether a worker has published a newer snapshot and, if so, sends the next picture of the
maps as soon as the browser has drawn the one before, and brings texts and charts up to date a few
times a second.

A dashboard ends with its session, in a notebook with its ``stay``, and when it is forgotten.
Ending means that its two threads end: displayed again it starts anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
import xarray as xr
from panel.viewable import Viewer

from ldensf_app import buttons, cells, served
from ldensf_app.allowed import MOST_SENSORS, rounded
from ldensf_app.controls import Controls
from ldensf_app.display import Display
from ldensf_app.edits import Edits
from ldensf_app.export import view_dataset
from ldensf_app.gestures import Gestures
from ldensf_app.offers import Offers
from ldensf_app.own import known_benchmark, known_filters
from ldensf_app.page import Page
from ldensf_app.race import Race
from ldensf_app.scenario import Scenario
from ldensf_app.scenes import Scenes, described
from ldensf_app.settings import Settings
from ldensf_app.stay import Stay
from ldensf_app.warmup import warm_up
from ldensf_core import TwinExperiment, get_benchmark
from ldensf_core.benchmarks import Benchmark
from ldensf_core.filters import Filter

PULL_PERIOD = 40
"""Milliseconds between two looks at the workers."""

AWAY = "The run was paused while no browser was connected: press Play to go on."


class Dashboard(Viewer):
    """A live twin experiment: shows itself in a notebook cell, and serves itself as a page.

    In a notebook, call ``pn.extension(inline=True)`` first. The kernel goes on to answer: the next
    cell may read ``result``, change ``settings`` or call ``play``. Its two threads end when nobody
    can see it any more, or by ``close``; displayed again it starts anew.

    Args:
        benchmark: name of one, or a benchmark of your own, which is registered if need be.
        filters: names, or filter classes of your own, which are registered.
        compact: in a cell, maps in one row and two charts, from 700 pixels of width on.
        settings: initial values of ``Settings``, for instance ``noise=0.3, members=100``.

    Attributes:
        settings: those of the next run; what can change on the way does so from the next cycle on.

    Raises:
        ValueError: for a setting out of its bounds, and for a benchmark or filter that cannot be
            registered.
    """

    busy = param.Boolean(default=False, constant=True, doc="Never, since workers compute.")

    def __init__(
        self,
        benchmark: str | Benchmark = "tsunami",
        filters: Iterable[str | type[Filter]] | None = None,
        compact: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__()
        if filters is not None:
            settings["filters"] = known_filters(filters)
        self.settings = Settings(benchmark=known_benchmark(benchmark), **settings)
        self.controls = Controls(self.settings)
        self.gestures = Gestures(self)
        self.page = Page(self.controls, self.gestures.hear, self.gestures.press, compact)
        self.display = Display(self.page)
        self.edits = Edits(self.settings)
        self.offers = Offers(self.page, self.controls, lambda: self.scenario)
        self._warm = False
        self._puller: Any = None
        self.stay = Stay(self)
        self.page.describe(self.settings.benchmark)
        self.scenes = Scenes(self.settings, self.controls, self.page, self.reset)
        self.start()
        buttons.connect(self)

    def start(self) -> None:
        """Begin, or begin anew after the end."""
        self.race = Race()
        # Once nobody has this object any longer its threads end, even if it was never displayed.
        self._end_race = weakref.finalize(self, self.race.close)
        self.race.set_speed(self.controls.speed.value)
        self.display.renew()
        self.reset()

    # -- commands -------------------------------------------------------------------------

    def reset(self) -> None:
        """Start over, paused at the first cycle, with the present settings."""
        self.edits.begin()
        self._ask_to_play(False)
        self.page.scene.index = None
        self.page.say("")
        self.race.reset(self.edits.start, self.scenes.changes)
        self._compare()
        self.controls.show_changes([])
        self.assimilating = True
        self.controls.assimilate.value = True

    def _ask_to_play(self, on: bool) -> None:
        self._playing = on  # what was asked for; the workers follow, a slow cycle later
        self.controls.show_playing(on)

    def play(self) -> None:
        """Run, or pause if that was asked for last; from the end, start over."""
        if self._playing:
            self.pause()
            return
        view = self.race.view()
        if view.halted:
            self.reset()
        self._versions_then = view.versions
        self.page.say("")
        self._ask_to_play(True)
        self.race.play()

    def pause(self) -> None:
        """Halt after the present cycle."""
        self._ask_to_play(False)
        self.race.pause()

    def step(self) -> None:
        """Run one cycle, then pause."""
        self._ask_to_play(False)
        self.page.say("")
        if self.race.is_at_its_end:
            self.page.say("The run is at its end: press Reset.")
        self.race.step()

    def assimilate(self, on: bool) -> None:
        """Give filters the observations from the next cycle on, or no longer."""
        if on == self.assimilating:
            return
        self.assimilating = on
        self.controls.assimilate.value = on
        self._change(assimilate=on)

    def forecast(self) -> None:
        """Run the ensembles on to the end without observations."""
        if self.race.is_at_its_end:
            self.page.say("The run is at its end: press Reset, then Forecast.")
            return
        self.assimilate(False)
        if not self._playing:
            self.play()

    def place_sensors(self, positions: Iterable[tuple[float, float]]) -> None:
        """Let sensors stand at ``positions`` from the next cycle on.

        Raises:
            ValueError: if one is outside the domain, or there are none or too many.
        """
        wanted = list(positions)
        if len(wanted) > MOST_SENSORS:
            raise ValueError(f"{len(wanted)} sensors: at most {MOST_SENSORS} can be placed by hand")
        self.settings.positions = list(rounded(get_benchmark(self.settings.benchmark), wanted))

    @property
    def scenario(self) -> Scenario:
        """The description of the run: settings at its start, changes since."""
        return described(self.edits.start, self.race.changes_made)

    @property
    def experiment(self) -> TwinExperiment:
        """The run so far as an experiment of the library, changes included.

        It gives the same numbers on the same device, and goes on to the last cycle. It has not
        run; what the dashboard does later does not change it.

        Raises:
            ValueError, CheckpointError: if the settings cannot be run.
        """
        return self.edits.start.experiment(changes=self.race.changes_made)

    @property
    def result(self) -> xr.Dataset:
        """Everything of every cycle so far, as ``TwinExperiment.run`` has it.

        Where a filter is behind there is NaN. Fields of earlier cycles are to 16 bits, and of
        large grids means of neighbours, as they are drawn: see ``export.view_dataset``.

        Raises:
            ValueError: before the first cycle.
        """
        view = self.race.view()
        return view_dataset(view, get_benchmark((view.lead.setup or self.edits.start).benchmark))

    def close(self) -> None:
        """End the workers, and say so on the page; displayed again it starts anew."""
        self.end()
        self.page.say("This dashboard was closed. Display it again.")
        self.stay.leave()

    @property
    def ended(self) -> bool:
        """Whether the workers were ended."""
        return not self._end_race.alive

    def end(self) -> None:
        """End the workers, since nobody sees the page; where somebody does it starts anew."""
        if self._puller is not None:
            self._puller.stop()
            self._puller = None
        self.offers.takeaway.cancel()
        self._end_race()

    @property
    def cycle_shown(self) -> int:
        """Index of the cycle on the maps."""
        index = self.page.scene.index
        return self.race.view().lead.index if index is None else index

    def apply_changes(self) -> None:
        """Make the changes that need no reset, from the next cycle on."""
        try:
            changes = self.edits.take()
        except ValueError as error:
            self.page.say(str(error))
            return
        if changes:
            self._change(**changes)

    def _change(self, **changes: Any) -> None:
        self.race.change(**changes)
        self._compare()

    def _compare(self) -> None:
        """Let the page know whether its scene is still the preset that was opened."""
        self.page.compare(self.edits.start, self.race.changes)

    def pull(self) -> None:
        """Show the workers' snapshots if one has advanced since the last time.

        Where a browser has gone, the run is paused: nobody sees it, and others need the cores.
        """
        if self.stay.is_over(PULL_PERIOD / 1000):
            self.end()
            return
        if self.edits.settled:
            self.apply_changes()
        view = self.race.view()
        if not served.is_watched():
            if self._playing:
                self.pause()
                self.page.note(AWAY)
            return
        self.offers.hand_over()
        self.offers.keep_scene((self.edits.start, self.race.changes_made))
        if self._playing and view.ended_since(self._versions_then):
            self._ask_to_play(False)
        if self.display.show_news(view, self.controls.speed.value):
            self.stay.push()
        if view.lead.records and not self._warm and served.in_session():
            self._warm = True  # others may come; a notebook's kernel has enough to do
            warm_up(self.settings.seed, self.settings.device)

    def show_all(self, rest: bool = True) -> None:
        """Draw anew what the page shows: something else is to be shown of it.

        Args:
            rest: charts and texts too, not only the maps.
        """
        self.display.show(self.race.view(), self.controls.speed.value, rest=rest)

    def __panel__(self) -> pmui.Column:
        if self.ended:
            self.start()
        if served.in_session():
            self._end_with_session()
        else:
            self.stay.enter()
        return self.stay.view

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle = super()._repr_mimebundle_(include, exclude)
        cells.displayed(self, bundle)
        return bundle

    def servable(self, *args: Any, **kwargs: Any) -> pmui.Page:
        """The page that ``panel serve app`` shows; its workers end with the session."""
        page = served.template(self.page, self.controls, self.param.busy)
        if pn.state.curdoc:
            self._end_with_session()
        return page.servable(*args, **kwargs)

    def _end_with_session(self) -> None:
        # Data sent while the browser still builds the page would not arrive in its figures.
        pn.state.onload(self.start_pulling)
        pn.state.on_session_destroyed(lambda _: self.end())

    def start_pulling(self) -> None:
        """Look at the workers again and again."""
        if self._puller is None:
            self._puller = pn.state.add_periodic_callback(self.pull, period=PULL_PERIOD)
