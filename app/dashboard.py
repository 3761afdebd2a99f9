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
from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.util import edit_readonly
from panel.viewable import Viewer

from ldensf_app import cells, scenes, style
from ldensf_app.as_python import as_python
from ldensf_app.brushes import brush
from ldensf_app.controls import Controls
from ldensf_app.link import decode, encode
from ldensf_app.page import Page
from ldensf_app.presets import presets
from ldensf_app.race import Race
from ldensf_app.scenario import MOST_SENSORS, Scenario, rounded
from ldensf_app.settings import Settings
from ldensf_app.setup import LIVE
from ldensf_app.takeaway import Takeaway
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
REST_PERIOD = 0.3
"""Seconds between two looks at all but the maps, while cycles come fast."""
PATIENCE = 1.0
"""Seconds after which a picture is sent though the browser has not said that it drew the last."""
SETTLED = 0.25
"""Seconds without another change after which changes are made: a slider passes many values."""

SCENE = "scene"
"""Name of a link's scene in the page's address."""

FIRST_CYCLE = 10.0
"""Seconds for which a notebook's cell waits for it at most."""

UNSEEN = 180.0
"""Seconds after which a dashboard in a notebook ends that no browser shows."""

NOTEBOOK_HEIGHT = 800
"""Pixels, of the figures in a notebook's cell."""


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
        self.page = Page(self.controls, self._hear, self._press)
        self.takeaway = Takeaway()
        self._warm = False
        self._view: pmui.Column | None = None
        self._puller: Any = None
        self._unseen: float | None = None  # seconds; None where no browser is asked
        self.page.describe(self.settings.benchmark)
        self._script: list[Change] = []  # of the scene that was opened
        self._preset = ""
        self._opening = False
        self._start()
        self._connect()

    def _start(self) -> None:
        """Begin, or begin anew after the end."""
        self.race = Race()
        # Once nobody has this object any longer its threads end, even if it was never displayed.
        self._end_race = weakref.finalize(self, self.race.close)
        self.race.set_speed(self.controls.speed.value)
        self._drawn_versions: tuple[int, ...] = ()  # of the maps
        self._versions: tuple[int, ...] = ()  # of all else
        self._sent = self._drawn = 0  # pictures of the maps
        self._sent_at = self._rest_at = self._edited_at = -1e9
        self._phases: tuple[str, ...] = ()
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
        controls.preset.param.watch(
            lambda event: event.new != self._preset and self.open_preset(event.new), "value"
        )
        for kind, button in controls.takeaway.items():
            button.on_click(lambda _, kind=kind: self.take(kind))
        for card in self.page.cards.values():
            card.choice.param.watch(lambda _: self._show_all(), "value")

    # -- commands -------------------------------------------------------------------------

    def reset(self) -> None:
        """Start over, paused at the first cycle, with the present settings."""
        self._wanted = self._applied = self.settings.setup()
        self._playing = False  # what was asked for; the workers follow, a slow cycle later
        self._edited_at = -1e9
        self.page.scene.index = None
        self.page.say("")
        self.race.reset(self._wanted, self._script)
        self.controls.show_changes([])
        self._assimilating = True
        self.controls.assimilate.value = True

    def play(self) -> None:
        """Run, or pause if that was asked for last; from the end, start over."""
        if self._playing:
            self.pause()
            return
        view = self.race.view()
        if not view.starting and not view.any("paused", "playing"):
            self.reset()
        self._playing, self._versions_then = True, view.versions
        self.race.play()
        self.controls.show_playing(True)

    def pause(self) -> None:
        """Halt after the present cycle."""
        self._playing = False
        self.race.pause()
        self.controls.show_playing(False)

    def step(self) -> None:
        """Run one cycle, then pause."""
        self._playing = False
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
        if on == self._assimilating:
            return
        self._assimilating = on
        self.controls.assimilate.value = on
        self.race.change(assimilate=on)

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
        changes = max((s.changes for s in self.race.view().snapshots), key=len)
        return scenes.described(self._wanted, changes)

    def open(self, scenario: Scenario) -> None:
        """Start a scene over, paused at its first cycle.

        Raises:
            ValueError: if the settings cannot show it; the present run goes on then.
        """
        before = self.settings.param.values()
        self._opening = True
        try:
            scenes.take(self.settings, scenario)
        except ValueError:
            del before["name"]
            self.settings.benchmark = before.pop("benchmark")  # it says what others may be
            self.settings.param.update(**before)
            raise
        finally:
            self._opening = False
        self._script = scenes.changes_of(scenario)
        self._choose_preset("")
        self.reset()

    def _choose_preset(self, name: str) -> None:
        self._preset = name
        self.controls.preset.value = name

    def open_link(self, text: str) -> None:
        """Open the scene of a link; the page says what is wrong with one."""
        try:
            self.open(decode(text))
        except ValueError as error:
            self.page.say(str(error))

    def open_preset(self, name: str) -> None:
        """Open one of ``presets``; an empty name leaves the scene, with its settings."""
        if not name:
            self._preset, self._script = "", []
            self.reset()
            return
        try:
            self.open(presets()[name].scenario)
        except (ValueError, KeyError) as error:
            self._choose_preset(self._preset)
            self.page.say(f"This scene cannot be shown. {error}")
        else:
            self._choose_preset(name)

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
        self.takeaway.cancel()
        self._end_race()

    def _settings_changed(self, *_: Any) -> None:
        if self._opening:
            return
        lead, setup = self.race.view().lead, self.settings.setup()
        fresh = lead.index <= 0 and lead.phase != "playing"
        if fresh or setup.benchmark != self._wanted.benchmark:
            if setup.benchmark != self._wanted.benchmark:
                self._script = []
                self._choose_preset("")
            if setup != self._wanted:  # another benchmark brings other settings with it
                self.reset()
            return
        changed = self._applied.changes(setup)
        self.controls.show_changes([name for name in changed if name not in LIVE])
        if any(name in LIVE for name in changed):
            self._edited_at = time.monotonic()

    def apply_changes(self) -> None:
        """Make the changes that need no reset, from the next cycle on."""
        self._edited_at = -1e9
        setup = self.settings.setup()
        try:
            changes = setup.live_changes(self._applied)
        except ValueError as error:
            self.page.say(str(error))
            return
        self._applied = replace(self._applied, **{name: getattr(setup, name) for name in LIVE})
        if changes:
            self.race.change(**changes)

    def _hear(self, name: str, value: Any) -> None:
        """Do what was asked for on the maps."""
        try:
            self._obey(name, value)
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
            self.page.say(f"That cannot be done. {error}")
        else:
            if name != "drawn":
                self.page.say("")

    def _obey(self, name: str, value: Any) -> None:
        scene, settings = self.page.scene, self.settings
        if name == "drawn":
            self._drawn = int(value)
            self.pull()  # the next picture, if there is one, without waiting for the clock
        elif name == "shown":
            view, wanted = self.race.view(), None if value is None else int(value)
            live = wanted is None or wanted >= view.lead.index
            scene.index = None if live else max(0, wanted)
            self._draw_maps(view)
        elif name == "views":
            scene.choose(self.race.view(), list(map(str, value)))
            self._draw_maps(self.race.view())
        elif name == "variable":
            scene.describe(scene.benchmark, int(value))
            self._show_all()
        elif name == "point":
            self.page.show_point((float(value[0]), float(value[1])))
            self._show_all()
        elif name == "sensors":
            self.place_sensors(value)
        elif name == "stroke":
            n, seed = settings.sensors, settings.seed
            benchmark = get_benchmark(settings.benchmark)
            self.place_sensors(brush(benchmark, value["tool"], n, value["from"], value["to"], seed))

    def take(self, kind: str) -> None:
        """Give the run so far as a file, or as a link or lines of Python."""
        view, scene = self.race.view(), self.page.scene
        if kind in ("link", "python"):
            try:
                if kind == "link":
                    query = f"{SCENE}={encode(self.scenario)}"
                    self.page.guide.offer("A link to this scene", query=query)
                else:
                    text = as_python(self.scenario)
                    self.page.guide.offer("This run in Python", text=text)
            except ValueError as error:
                self.page.say(f"This run cannot be described. {error}")
            return
        cycle = view.lead.index if scene.index is None else scene.index
        self.takeaway.make(kind, view, scene.benchmark, cycle)
        self.controls.show_making(self.takeaway.busy)

    def _hand_over(self) -> None:
        """Send the file that was asked for once it is there."""
        try:
            file = self.takeaway.made()
        except RuntimeError as error:
            self.controls.show_making("")
            self.page.say(str(error))
            return
        if file is not None:
            self.controls.show_making("")
            self.page.guide.save(*file)

    def _press(self, key: str) -> None:
        """Do what a key means."""
        scene = self.page.scene
        now = self.race.view().lead.index if scene.index is None else scene.index
        actions: dict[str, Any] = {
            "play": self.play,
            "step": self.step,
            "reset": self.reset,
            "assimilate": lambda: self.assimilate(not self._assimilating),
            "forecast": self.forecast,
            "back": lambda: self._hear("shown", max(now - 1, 0)),
            "on": lambda: self._hear("shown", now + 1),
            "live": lambda: self._hear("shown", None),
        }
        if key in actions:
            actions[key]()

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
        now = time.monotonic()
        if 0 < self._edited_at < now - SETTLED:
            self.apply_changes()
        view = self.race.view()
        if not _watched():
            if self._playing:
                self.pause()
            return
        self._hand_over()
        if self._playing and self._over(view):
            self._playing = False
        phases = tuple(s.phase for s in view.snapshots)
        quiet = phases != self._phases or "playing" not in phases
        rest = view.versions != self._versions and (quiet or now > self._rest_at + REST_PERIOD)
        waits = 0 < self._drawn < self._sent and now < self._sent_at + PATIENCE
        maps = view.versions != self._drawn_versions and not waits
        if not (rest or maps):
            return
        try:
            with pn.io.hold():
                self._name_after(view)
                if maps:
                    self._draw_maps(view)
                if rest:
                    self._draw_rest(view)
        except Exception as error:  # or a notebook would never look again
            log.exception("drawing: %s", error)
            self._versions = self._drawn_versions = view.versions
            self.page.say(f"This cycle cannot be drawn. {explain(error)}")
        if self._view is not None:
            pn.io.push_notebook(self._view)
        if view.lead.records and not self._warm:
            self._warm = True
            warm_up(self.settings.seed, self.settings.device)

    def _name_after(self, view: View) -> None:
        setup = view.lead.setup
        if setup is not None and setup.benchmark != self.page.scene.benchmark.name:
            self.page.describe(setup.benchmark)

    def _draw_maps(self, view: View) -> None:
        if view.lead.setup is None:
            return
        self._sent, self._sent_at = self.page.draw_maps(view), time.monotonic()
        self._drawn_versions = view.versions

    def _draw_rest(self, view: View) -> None:
        self.page.draw_rest(view, self.controls.speed.value)
        self.page.draw_preset(view, self._preset)
        self.controls.show_playing(self._playing)
        self._phases = tuple(s.phase for s in view.snapshots)
        self._rest_at = time.monotonic()
        self._versions = view.versions

    def _show_all(self) -> None:
        """Draw everything anew: something else is to be shown of it."""
        with pn.io.hold():
            view = self.race.view()
            self._name_after(view)
            self._draw_maps(view)
            self._draw_rest(view)

    def _over(self, view: View) -> bool:
        """Whether a run has ended by itself, and not one that was over when play was pressed."""
        pairs = zip(view.snapshots, view.versions, self._versions_then, strict=True)
        fresh = all(now != then for s, now, then in pairs if s.phase == "finished")
        return fresh and not view.starting and not view.any("paused", "playing")

    # -- on display -----------------------------------------------------------------------

    def __panel__(self) -> pmui.Column:
        served = bool(pn.state.curdoc and pn.state.curdoc.session_context)
        if self.ended:
            self._start()
        if self._view is None:
            main = pn.Column(
                self.page.main.view, height=NOTEBOOK_HEIGHT, sizing_mode="stretch_width"
            )
            bar = self.controls.bar()
            bar.append(self.page.guide)
            self._view = pmui.Column(
                bar,
                main,
                self.controls.drawer(),
                theme_config=style.THEME,
                sizing_mode="stretch_width",
            )
            if not served:
                pulse = cells.Pulse()
                pulse.param.watch(self._seen, "beats")
                self._view.append(pulse)
        if served:
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
        page = pmui.Page(
            title="LD-EnSF",
            header=[
                pn.Row(
                    self.page.story,
                    self.page.guide,
                    sizing_mode="stretch_width",
                    margin=0,
                    styles={"min-width": "0", "gap": "12px"},
                )
            ],
            sx={
                "& .title": {"whiteSpace": "nowrap"},
                "& .header .MuiBox-root:has(> .child-wrapper)": {"minWidth": 0},
            },
            sidebar=[self.controls.sidebar()],
            sidebar_width=280,
            main=[self.page.main.view],
            theme_config=style.THEME,
            busy_indicator=None,
        )
        # The page follows whether the server is busy with anything for anyone, and would look
        # through all of its models each time: ten times a second and browser, 0.1 s each. Nor
        # would the server, being followed, ever let go of it (panel-material-ui 0.16.6). To set
        # a value does not end that (param 2.4), to follow something else does.
        with edit_readonly(page):
            page.busy = self.param.busy
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
