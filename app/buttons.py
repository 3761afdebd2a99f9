"""Buttons, choices and settings of the page are connected with what a dashboard does.

What can change during a run does so from the next cycle on (``setup.LIVE``); other settings take
effect with a reset, and the page says so. At the first cycle, paused, a change resets by itself,
since there is nothing yet to lose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldensf_app.dashboard import Dashboard


def connect(of: Dashboard) -> None:
    """Let the widgets of a dashboard command it."""
    controls = of.controls
    controls.play.on_click(lambda _: of.play())
    controls.step.on_click(lambda _: of.step())
    controls.reset.on_click(lambda _: of.reset())
    controls.speed.param.watch(lambda event: of.race.set_speed(event.new), "value")
    controls.assimilate.param.watch(lambda event: of.assimilate(event.new), "value")
    controls.forecast.on_click(lambda _: of.forecast())
    settings = [*controls.widgets, "again", "options", "positions"]
    of.settings.param.watch(lambda *_: _settings_changed(of), settings)
    for kind, button in controls.takeaway.items():
        button.on_click(lambda _, kind=kind: of.offers.take(kind, of.race.view(), of.cycle_shown))
    for card in of.page.cards.values():
        card.choice.param.watch(lambda _: of.show_all(), "value")


def _settings_changed(of: Dashboard) -> None:
    if of.scenes.opening:
        return
    lead, setup, start = of.race.view().lead, of.settings.setup(), of.edits.start
    another = setup.benchmark != start.benchmark
    if another:
        of.scenes.leave()
    if another or (lead.index <= 0 and lead.phase != "playing"):
        if setup != start:  # another benchmark brings other settings with it
            of.reset()
        return
    of.controls.show_changes(of.edits.note())
