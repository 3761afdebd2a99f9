"""Scenes between the page and their description: presets and links are opened, links are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ldensf_app.controls import Controls
from ldensf_app.labels import AT
from ldensf_app.link import decode
from ldensf_app.page import Page
from ldensf_app.presets import presets
from ldensf_app.scenario import Scenario, library_changes
from ldensf_app.settings import NO_SECOND, Settings
from ldensf_app.setup import Setup
from ldensf_core import get_benchmark
from ldensf_core.twin.conditions import Change

ALIKE = (
    *("model_error", "every", "noise", "missing", "members", "full_space_members"),
    "seed",
)
"""Settings that a description holds as they are."""


class Scenes:
    """Opens presets and links on one page.

    Args:
        reset: called to start the run over.

    Attributes:
        changes: what the scene that is open changes on the way, for each run of it.
        opening: whether settings are being changed to those of a scene.
    """

    def __init__(
        self, settings: Settings, controls: Controls, page: Page, reset: Callable[[], None]
    ) -> None:
        self._settings, self._controls, self._page = settings, controls, page
        self._reset = reset
        self.changes: list[Change] = []
        self.opening = False
        controls.preset.param.watch(self._chosen, "value")

    def open(self, scenario: Scenario, preset: str = "") -> None:
        """Start a scene over, paused at its first cycle.

        Args:
            preset: its name, if it is one of ``presets``.

        Raises:
            ValueError: if the settings cannot show it; the present run goes on then.
        """
        before = self._settings.param.values()
        self.opening = True
        try:
            take(self._settings, scenario)
        except ValueError:
            del before["name"]
            self._settings.benchmark = before.pop("benchmark")  # it says what others may be
            self._settings.param.update(**before)
            raise
        finally:
            self.opening = False
        self.changes = changes_of(scenario)
        # At once: a choice that is taken back and made again does not arrive in the browser.
        self._name(preset)
        self._reset()

    def open_link(self, text: str) -> None:
        """Open the scene of a link; the page says what is wrong with one."""
        try:
            self.open(decode(text))
        except ValueError as error:
            self._page.say(str(error))

    def leave(self) -> None:
        """Go on without the scene's changes, with its settings."""
        self.changes = []
        self._name("")

    def _name(self, preset: str) -> None:
        self._page.preset = preset
        self._controls.preset.value = preset

    def _chosen(self, event: Any) -> None:
        if event.new == self._page.preset:  # it follows the page
            return
        if not event.new:
            self.leave()
            self._reset()
            return
        try:
            self.open(presets()[event.new].scenario, event.new)
        except (ValueError, KeyError) as error:
            self._name(self._page.preset)
            self._page.say(f"This scene cannot be shown. {error}")


def settings_of(scenario: Scenario) -> dict[str, Any]:
    """The settings that make a scene; ``benchmark`` comes first.

    Raises:
        ValueError: if a filter is there with an ensemble size only.
    """
    names = [label for label in scenario.filters if AT not in label]
    again = [label for label in scenario.filters if AT in label]
    if alone := [label for label in again if label.partition(AT)[0] not in names]:
        raise ValueError(f"filters {', '.join(alone)}: each has to be there without a size, too")
    benchmark = get_benchmark(scenario.benchmark)
    of_layout = {}
    if scenario.positions is None:
        of_layout = {"sensors": scenario.sensors, "layout": scenario.layout}
    return {
        "benchmark": scenario.benchmark,
        "filters": names,
        "again": again,
        "second": NO_SECOND,
        "variables": list(scenario.variables or (v.name for v in benchmark.variables)),
        "options": dict(scenario.options),
        **of_layout,
        **{name: getattr(scenario, name) for name in ALIKE},
    }


def take(settings: Settings, scenario: Scenario) -> None:
    """Bring the settings to those of a scene.

    Raises:
        ValueError: if they cannot show it.
    """
    values = settings_of(scenario)
    settings.benchmark = values.pop("benchmark")
    settings.param.update(**values)
    settings.positions = [tuple(p) for p in scenario.positions or ()]


def changes_of(scenario: Scenario) -> list[Change]:
    """The scene's changes as the library takes them."""
    return library_changes(scenario.changes, get_benchmark(scenario.benchmark))


def described(setup: Setup, changes: tuple[Change, ...]) -> Scenario:
    """The description of a run, with its changes so far.

    Raises:
        ValueError: if it has more changes than a description may have.
    """
    benchmark = get_benchmark(setup.benchmark)
    options: dict[str, dict[str, Any]] = {}
    for label, option, value in setup.options:
        options.setdefault(label.partition(AT)[0], {})[option] = value
    whole = tuple(v.name for v in benchmark.variables)
    placed = (
        {"positions": setup.positions}
        if setup.positions
        else {"sensors": setup.sensors, "layout": setup.layout}
    )
    return Scenario(
        benchmark=setup.benchmark,
        filters=setup.filters,
        **placed,
        variables=None if setup.variables == whole else setup.variables,
        options=options,
        changes=tuple((index, _written(change)) for index, change in changes),
        **{name: getattr(setup, name) for name in ALIKE},
    )


def _written(change: Any) -> dict[str, Any]:
    """A change with sensors as their positions."""
    written = dict(change)
    if "sensors" in written:
        written["positions"] = written.pop("sensors").positions.tolist()
    return written
