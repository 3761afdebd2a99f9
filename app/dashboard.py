"""The dashboard: keeps page and workers in step.

Nothing is computed here. Callbacks of widgets send commands to the workers; a periodic callback
looks whether a worker has published a newer snapshot and, if so, sends the next picture of the
maps as soon as the browser has drawn the one before, and brings texts and charts up to date a few
times a second.

What can change during a run does so from the next cycle on (``setup.LIVE``); other settings take
effect with a reset, and the page says so. At the first cycle, paused, a change resets by itself,
since there is nothing yet to lose. Playing from the end starts again.

A dashboard ends with its session; in a notebook when its cell is run again, when its output is
cleared, or when no browser has shown it for a while; and when it is forgotten. Ending means that
its two threads end: displayed again it starts anew.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterable
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.viewable import Viewer

from ldensf_app import cells, served
from ldensf_app.allowed import MOST_SENSORS, rounded
from ldensf_app.controls import Controls
from ldensf_app.display import Display
from ldensf_app.edits import Edits
from ldensf_app.gestures import Gestures
from ldensf_app.offers import Offers
from ldensf_app.page import Page
from ldensf_app.race import Race
from ldensf_app.scenario import Scenario
from ldensf_app.scenes import Scenes, described
from ldensf_app.settings import Settings
from ldensf_app.view import View
from ldensf_app.warmup import warm_up
from ldensf_app.worker import explain
from ldensf_core import get_benchmark, register_filter
from ldensf_core.benchmarks import BENCHMARKS, Benchmark, register_benchmark
from ldensf_core.filters import Filter
from ldensf_core.twin.conditions import Change

log = logging.getLogger(__name__)

PULL_PERIOD = 40
"""Milliseconds between two looks at the workers."""
FIRST_CYCLE = 10.0
"""Seconds for which a notebook's cell waits for it at most."""
UNSEEN = 180.0
"""Seconds after which a dashboard in a notebook ends that no browser shows."""

AWAY = "The run was paused while no browser was connected: press Play to go on."


class Dashboard(Viewer):
    """A live twin experiment: shows itself in a notebook cell, and serves itself as a page.

    In a notebook, ``pn.extension()`` has to be called first. Its two threads end when nobody can
    see it any more, or by ``close``; displayed again it starts anew.

    Args:
        benchmark: name of one, or a benchmark of your own, which is registered if need be.
        filters: names, or filter classes of your own, which are registered.
        settings: initial values of ``Settings``, for instance ``noise=0.3, members=100``.

    Raises:
        ValueError: for a setting out of its bounds, and for a benchmark or filter that cannot be
            registered.
    """

    busy = param.Boolean(default=False, constant=True, doc="Never, since workers compute.")

    def __init__(
        self,
        benchmark: str | Benchmark = "tsunami",
        filters: Iterable[str | type[Filter]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if filters is not None:
            settings["filters"] = [
                f if isinstance(f, str) else register_filter(f).name for f in filters
            ]
        self.settings = Settings(benchmark=known(benchmark), **settings)
        self.controls = Controls(self.settings)
        self.gestures = Gestures(self)
        self.page = Page(self.controls, self.gestures.hear, self.gestures.press)
        self.display = Display(self.page)
        self.edits = Edits(self.settings)
        self.offers = Offers(self.page, self.controls, lambda: self.scenario)
        self._warm = False
        self._view: pmui.Column | None = None
        self._puller: Any = None
        self._unseen: float | None = None  # seconds; None where no browser is asked
        self.page.describe(self.settings.benchmark)
        self.scenes = Scenes(self.settings, self.controls, self.page, self.reset)
        self._start()
        self._connect()

    def _start(self) -> None:
        """Begin, or begin anew after the end."""
        self.race = Race()
        # Once nobody has this object any longer its threads end, even if it was never displayed.
        self._end_race = weakref.finalize(self, self.race.close)
        self.race.set_speed(self.controls.speed.value)
        self.display.renew()
        self.reset()

    def _connect(self) -> None:
        controls = self.controls
        controls.play.on_click(lambda _: self.play())
        controls.step.on_click(lambda _: self.step())
        controls.reset.on_click(lambda _: self.reset())
        controls.speed.param.watch(lambda event: self.race.set_speed(event.new), "value")
        controls.assimilate.param.watch(lambda event: self.assimilate(event.new), "value")
        controls.forecast.on_click(lambda _: self.forecast())
        self.settings.param.watch(
            self._settings_changed, [*controls.widgets, "again", "options", "positions"]
        )
        for kind, button in controls.takeaway.items():
            button.on_click(lambda _, kind=kind: self.take(kind))
        for card in self.page.cards.values():
            card.choice.param.watch(lambda _: self.show_all(), "value")

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
        if not view.starting and not view.any("paused", "playing"):
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
        if self._at_the_end:
            self.page.say("The run is at its end: press Reset.")
        self.race.step()

    @property
    def _at_the_end(self) -> bool:
        view = self.race.view()
        of_this_run = view.lead.run == self.race.runs and view.any("finished")
        return of_this_run and not view.starting and not view.any("paused", "playing")

    def assimilate(self, on: bool) -> None:
        """Give filters the observations from the next cycle on, or no longer."""
        if on == self.assimilating:
            return
        self.assimilating = on
        self.controls.assimilate.value = on
        self._change(assimilate=on)

    def forecast(self) -> None:
        """Run the ensembles on to the end without observations."""
        if self._at_the_end:
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
        return described(self.edits.start, longest(self.race.view()))

    def close(self) -> None:
        """End the workers, and say so on the page; displayed again it starts anew."""
        self.end()
        self._unseen = None  # pages that are still open do not start it
        self.page.say("This dashboard was closed. Display it again.")
        if self._view is not None:
            pn.io.push_notebook(self._view)

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

    def take(self, kind: str) -> None:
        """Give the run so far as a file, or as a link or lines of Python."""
        self.offers.take(kind, self.race.view(), self.cycle_shown)

    def _settings_changed(self, *_: Any) -> None:
        if self.scenes.opening:
            return
        lead, setup, start = self.race.view().lead, self.settings.setup(), self.edits.start
        another = setup.benchmark != start.benchmark
        if another:
            self.scenes.leave()
        if another or (lead.index <= 0 and lead.phase != "playing"):
            if setup != start:  # another benchmark brings other settings with it
                self.reset()
            return
        self.controls.show_changes(self.edits.note())

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

    # -- keeping up -----------------------------------------------------------------------

    def pull(self) -> None:
        """Show the workers' snapshots if one has advanced since the last time.

        Where a browser has gone, the run is paused: nobody sees it, and others need the cores.
        """
        if self._unseen is not None:
            # Not by the clock: while a long cell is run neither this nor a browser is heard.
            self._unseen += PULL_PERIOD / 1000
            if self._unseen > UNSEEN:
                self.end()
                return
        if self.edits.settled:
            self.apply_changes()
        view = self.race.view()
        if not _watched():
            if self._playing:
                self.pause()
                self.page.note(AWAY)
            return
        self.offers.hand_over()
        self.offers.keep_scene((self.edits.start, longest(view)))
        if self._playing and self._over(view):
            self._ask_to_play(False)
        try:
            news = self.display.show_news(view, self.controls.speed.value)
        except Exception as error:  # or a notebook would never look again
            log.exception("drawing: %s", error)
            self.display.give_up(view)
            self.page.say(f"This cycle cannot be drawn. {explain(error)}")
            news = True
        if news and self._view is not None:
            pn.io.push_notebook(self._view)
        if view.lead.records and not self._warm:
            self._warm = True
            warm_up(self.settings.seed, self.settings.device)

    def show_all(self, rest: bool = True) -> None:
        """Draw anew what the page shows: something else is to be shown of it.

        Args:
            rest: charts and texts too, not only the maps.
        """
        self.display.show(self.race.view(), self.controls.speed.value, rest=rest)

    def _over(self, view: View) -> bool:
        """Whether a run has ended by itself, and not one that was over when play was pressed."""
        pairs = zip(view.snapshots, view.versions, self._versions_then, strict=True)
        fresh = all(now != then for s, now, then in pairs if s.phase == "finished")
        return fresh and not view.starting and not view.any("paused", "playing")

    # -- on display -----------------------------------------------------------------------

    def __panel__(self) -> pmui.Column:
        on_server = bool(pn.state.curdoc and pn.state.curdoc.session_context)
        if self.ended:
            self._start()
        if self._view is None:
            self._view = cells.view(self.page, self.controls)
            if not on_server:
                pulse = cells.Pulse()
                pulse.param.watch(self._seen, "beats")
                self._view.append(pulse)
        if on_server:
            self._end_with_session()
        else:
            cells.occupy(self)
            self._unseen = 0.0
            self._await_first_cycle()
            self._start_pulling()
        return self._view

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle = super()._repr_mimebundle_(include, exclude)
        cells.displayed(self, bundle)
        return bundle

    def _seen(self, *_: Any) -> None:
        """A browser shows it; if it had been away for so long that the end came, start anew."""
        if self._unseen is None:
            return
        self._unseen = 0.0
        if self.ended:
            self._start()
            self._start_pulling()

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
        page = served.template(self.page, self.controls, self.param.busy)
        if pn.state.curdoc:
            self._end_with_session()
        return page.servable(*args, **kwargs)

    def _end_with_session(self) -> None:
        # Data sent while the browser still builds the page would not arrive in its figures.
        pn.state.onload(self._start_pulling)
        pn.state.on_session_destroyed(lambda _: self.end())

    def _start_pulling(self) -> None:
        if self._puller is None:
            self._puller = pn.state.add_periodic_callback(self.pull, period=PULL_PERIOD)


def longest(view: View) -> tuple[Change, ...]:
    """The changes of a run so far, as the worker has them that is in front."""
    return max((s.changes for s in view.snapshots), key=len)


def known(benchmark: str | Benchmark) -> str:
    """The name of a benchmark, which is registered if it is not yet.

    Raises:
        ValueError: if it cannot be, since it is none or another one has its name.
    """
    if not isinstance(benchmark, type):
        benchmark = get_benchmark(benchmark)  # of a name, or a file of runs
    name = benchmark.name
    if name not in BENCHMARKS or get_benchmark(name) is not benchmark:
        register_benchmark(benchmark)
    return name


def _watched() -> bool:
    """Whether somebody would see an update: always in a notebook, else with a browser there."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = getattr(context, "session", None)
    return session is None or session.connection_count > 0
