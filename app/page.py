"""What stands on the page, and how a run is put there. Nothing here knows of workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ldensf_app import curves, facts, layout, moments, readout, units
from ldensf_app.chart import Chart
from ldensf_app.compact import CompactArea
from ldensf_app.controls import Controls
from ldensf_app.guide import Guide
from ldensf_app.opened import Opened
from ldensf_app.scene import Scene, first_shown
from ldensf_app.setup import Setup
from ldensf_app.view import View
from ldensf_core import get_benchmark
from ldensf_core.twin.conditions import Change

NOW = "Parameters now"
AT_POINT = "At the point clicked"


class Page:
    """Texts, maps, charts.

    Args:
        heard: called with what the browser says of the maps, a name and a value.
        pressed: called with what a key means.
        compact: whether the maps stand in one row, see ``compact``.

    Attributes:
        main: the area beside the sidebar; ``story``: the line in the page's head.
        opened: the preset that is open, if one is. ``changed``: what was changed of it since.
    """

    def __init__(self, controls: Controls, heard: Any, pressed: Any, compact: bool = False) -> None:
        self.compact = compact
        self.controls, self.guide = controls, Guide(pressed)
        self.scene = Scene(heard)
        self.story = layout.html(styles={"min-width": "0"})
        self.tiles, self.status, self.said, self.facts = (layout.html() for _ in range(4))
        logs = list(curves.log_charts())
        self.cards = {
            "errors": layout.ChartCard("errors", Chart(logarithmic=True), logs, logs[0]),
            "times": layout.ChartCard("times", Chart(logarithmic=True), logs, logs[1]),
            "parameters": layout.ChartCard("parameters", Chart(), [AT_POINT], AT_POINT),
        }
        texts = [self.tiles, self.status, self.said]
        if compact:
            self.main = CompactArea(self.scene, texts, self.cards)
        else:
            self.main = layout.MainArea(self.scene, texts, list(self.cards.values()), self.facts)
        self.point: tuple[float, float] | None = None
        self.opened: Opened | None = None
        self.changed: list[str] = []

    def describe(self, name: str) -> None:
        """Name everything after benchmark ``name``, and show the variable that it says is first."""
        benchmark = get_benchmark(name)
        shown = first_shown(benchmark)
        self.point = None
        self.scene.board.point = None
        self.story.object = readout.story(benchmark)
        self.controls.lacking.object = readout.lacking(benchmark)
        self.main.arrange(benchmark)
        self.scene.describe(benchmark, shown)
        self.cards["parameters"].offer(self._linear(benchmark))

    def _linear(self, benchmark: Any) -> list[str]:
        """What the chart with the linear axis can show."""
        tracks = [f"{units.named(units.short(p), p.units)} over time" for p in benchmark.parameters]
        return [*([NOW] if len(tracks) > 1 else []), *tracks, AT_POINT]

    def compare(self, setup: Setup, changes: Iterable[Change]) -> None:
        """Set the preset that is open against the run that is asked for, see ``Opened``."""
        self.changed = self.opened.changed(setup, changes) if self.opened else []

    def say(self, text: str) -> None:
        """Tell the visitor something until the next reset; an empty text takes it back."""
        self.said.object = readout.message(text) if text else ""

    def note(self, text: str) -> None:
        """Tell the visitor something that is no fault; the next thing said takes its place."""
        self.said.object = readout.note(text)

    def draw_maps(self, view: View) -> int:
        """Send the next picture of the maps; returns its number."""
        return self.scene.draw_maps(view)

    def draw_rest(self, view: View, pace: float) -> None:
        """Bring texts and charts up to date.

        Args:
            pace: cycles per second asked for.
        """
        benchmark = self.scene.benchmark
        self.tiles.object = readout.tiles(view, benchmark)
        self.status.object = readout.status(view)
        self.facts.object = facts.race(view, pace) + facts.parameters(view, benchmark)
        preset = self.opened.preset if self.opened else None
        self.controls.about_preset.object = moments.told(preset, self.changed, view)
        if not view.history():
            return
        logs = {
            name: lambda draw=draw: draw(view, benchmark)
            for name, draw in curves.log_charts().items()
        }
        for name in ("errors", "times"):
            self.cards[name].draw(logs)
        self.cards["parameters"].draw(self._drawings(view, benchmark))

    def _drawings(self, view: View, benchmark: Any) -> dict[str, Any]:
        of_parameters = {
            name: lambda i=i: curves.track(view, benchmark, i)
            for i, name in enumerate(n for n in self._linear(benchmark) if n.endswith("over time"))
        }
        middle = tuple((a.low + a.high) / 2 for a in (benchmark.x, benchmark.y))
        at = self.point or middle
        return {
            NOW: lambda: curves.cloud(view, benchmark),
            **of_parameters,
            AT_POINT: lambda: curves.series(view, benchmark, self.scene.variable, at),
        }

    def show_point(self, point: tuple[float, float]) -> None:
        """Draw the series at a point from now on.

        Raises:
            ValueError: if it is not in the domain.
        """
        for place, axis in zip(
            point, (self.scene.benchmark.x, self.scene.benchmark.y), strict=True
        ):
            if not axis.low <= place <= axis.high:
                raise ValueError(f"{axis.name} = {place}: allowed is {axis.low:g} to {axis.high:g}")
        self.point = point
        self.scene.board.point = list(point)
        self.cards["parameters"].choice.value = AT_POINT
