"""What a visitor asks for by hand on the maps, and by keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ldensf_app.brushes import brush
from ldensf_core import get_benchmark

if TYPE_CHECKING:
    from ldensf_app.dashboard import Dashboard

REFUSED = (ValueError, TypeError, LookupError, OverflowError, AttributeError)
"""What a wish raises that cannot be fulfilled: browsers may send anything."""


class Gestures:
    """Does on a dashboard what was asked for."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        dashboard.settings.param.watch(self._placed, "positions")
        self._wishes: dict[str, Callable[[Any], None]] = {
            "drawn": self._drawn,
            "shown": self._shown,
            "views": self._views,
            "variable": self._variable,
            "point": self._point,
            "sensors": self._sensors,
            "edit": self._edit,
            "stroke": self._stroke,
        }

    def hear(self, name: str, value: Any) -> None:
        """Do what was asked for on the maps; the page says what cannot be done."""
        say = self._dashboard.page.say
        try:
            self._wishes[name](value)
        except REFUSED as error:
            say(f"That cannot be done. {error}")
        else:
            if name not in ("drawn", "edit"):  # which nobody asked for
                say("")

    def press(self, key: str) -> None:
        """Do what a key means."""
        of = self._dashboard
        actions: dict[str, Any] = {
            "play": of.play,
            "step": of.step,
            "reset": of.reset,
            "assimilate": lambda: of.assimilate(not of.assimilating),
            "forecast": of.forecast,
            "back": lambda: self.hear("shown", max(of.cycle_shown - 1, 0)),
            "on": lambda: self.hear("shown", of.cycle_shown + 1),
            "live": lambda: self.hear("shown", None),
        }
        if key in actions:
            actions[key]()

    def _drawn(self, picture: Any) -> None:
        self._dashboard.display.drawn(int(picture))
        self._dashboard.pull()  # the next picture, if there is one, without waiting for the clock

    def _shown(self, index: Any) -> None:
        wanted = None if index is None else int(index)
        live = wanted is None or wanted >= self._dashboard.race.view().lead.index
        self._dashboard.page.scene.index = None if live else max(0, wanted)
        self._dashboard.show_all(rest=False)

    def _views(self, chosen: Any) -> None:
        self._dashboard.page.scene.choose(self._dashboard.race.view(), list(map(str, chosen)))
        self._dashboard.show_all(rest=False)

    def _variable(self, number: Any) -> None:
        scene = self._dashboard.page.scene
        scene.describe(scene.benchmark, int(number))
        self._dashboard.show_all()

    def _point(self, at: Any) -> None:
        self._dashboard.page.show_point((float(at[0]), float(at[1])))
        self._dashboard.show_all()

    def _sensors(self, positions: Any) -> None:
        self._dashboard.place_sensors(positions)
        if self._dashboard.page.scene.index is not None:
            self._shown(None)  # where these sensors are to be seen

    def _edit(self, number: Any) -> None:
        self._dashboard.page.scene.board.edit = float(number)

    def _placed(self, event: Any) -> None:
        self._dashboard.page.scene.ask(event.new, self._dashboard.race.view().lead)

    def _stroke(self, value: Any) -> None:
        settings = self._dashboard.settings
        benchmark = get_benchmark(settings.benchmark)
        stroke = value["tool"], settings.sensors, value["from"], value["to"], settings.seed
        self._dashboard.place_sensors(brush(benchmark, *stroke))
