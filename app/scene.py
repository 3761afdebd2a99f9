"""The maps of the page, and what of a run each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from ldensf_app import units
from ldensf_app.board import PANELS, Board
from ldensf_app.panels import Scales, Shown, choices, field, panel, usual
from ldensf_app.snapshot import Snapshot
from ldensf_app.view import View


@dataclass(frozen=True)
class Asked:
    """Sensors placed by hand.

    Attributes:
        positions: (n, 2).
        run, cycles: number of the run that was shown when they were, and of its cycles.
    """

    positions: np.ndarray
    run: int
    cycles: int

    def reached(self, lead: Snapshot) -> bool:
        """Whether a later cycle has them."""
        since = self.cycles if lead.run == self.run else 0
        return any(np.array_equal(n.positions, self.positions) for n in lead.networks[since:])


class Scene:
    """The maps.

    Attributes:
        board: the component that draws them.
        benchmark: whose names and units stand on them; ``variable``: the one shown.
        chosen: what a visitor has chosen for some maps, by their place.
        index: the cycle shown, None for the latest.
    """

    def __init__(self, heard: Any) -> None:
        self.board, self.scales = Board(heard), Scales()
        self.benchmark: Any = None
        self.variable = 0
        self.chosen: dict[int, Shown] = {}
        self.index: int | None = None
        self._asked: Asked | None = None
        self._numbers = count(1)

    def describe(self, benchmark: Any, variable: int) -> None:
        """Put the names and units of a benchmark, and of one of its variables, on all maps.

        Raises:
            IndexError: if it has no such variable.
        """
        shown = benchmark.variables[variable]
        if benchmark is not self.benchmark:
            self.board.describe(benchmark)
        self.benchmark, self.variable = benchmark, variable
        self.board.variable = variable
        self.scales.expect(shown)

    def views(self, view: View) -> list[Shown]:
        """What each map shows."""
        allowed = choices(view.labels)
        return [
            mine if (mine := self.chosen.get(place)) in allowed else first
            for place, first in enumerate(usual(view))
        ]

    def choose(self, view: View, wanted: list[str]) -> None:
        """Take what a visitor has chosen for the maps."""
        now = self.views(view)
        for place, text in enumerate(wanted[:PANELS]):
            if str(now[place]) != text:
                self.chosen[place] = Shown.read(text)

    def draw_maps(self, view: View) -> int:
        """Send the maps of the latest cycle, or the one that was chosen; returns its number."""
        lead = view.lead
        if lead.index <= 0:
            self.scales.forget()
        shown = self.views(view)
        offered = [(str(s), s.title) for s in choices(view.labels)]
        self.board.param.update(choices=offered, views=[str(s) for s in shown])
        index = None if self.index is None else min(self.index, lead.index)
        fields = [(s, field(view, s, index, self.variable)) for s in shown]
        self.scales.follow(fields)
        pixels = [frame.pixels.ravel() for _, frame in fields if frame]
        shape = next((frame.pixels.shape[1:] for _, frame in fields if frame), (1, 1))
        cycle = lead.index if index is None else index
        number = next(self._numbers)
        self.board.frame = {
            "number": number,
            "cycle": cycle,
            "last": lead.index,
            "live": index is None,
            "where": where(self.benchmark, cycle, index is None),
            "panels": [
                panel(view, s, frame, index, self.variable, self.scales) for s, frame in fields
            ],
            "pixels": np.concatenate(pixels) if pixels else np.empty(0, np.uint16),
            "shape": list(shape),
        }
        self._place_sensors(view, cycle)
        return number

    def ask(self, positions: list[tuple[float, float]], lead: Snapshot) -> None:
        """Draw sensors that were placed by hand while ``lead`` was shown, before a cycle has them.

        Args:
            positions: empty where number and layout say again where sensors stand.
        """
        asked = Asked(np.array(positions), lead.run, len(lead.networks))
        self._asked = asked if positions else None
        self.board.asked = np.ravel(positions).tolist()

    def _place_sensors(self, view: View, cycle: int) -> None:
        lead = view.lead
        if self._asked and self._asked.reached(lead):
            self._asked = None
        if not 0 <= cycle < len(lead.networks):
            return
        positions, silent = lead.networks[cycle].positions, None
        observation = lead.observed[cycle]
        if observation is not None:
            silent = (~observation.present).all(dim=-1).cpu().numpy()
        self.board.place(positions, silent)
        waits = self._asked is not None and self.index is None
        self.board.asked = self._asked.positions.ravel().tolist() if waits else []


def where(benchmark: Any, cycle: int, live: bool) -> str:
    """Which cycle the maps show."""
    if cycle < 0:
        return ""
    return f"step {cycle}, {units.moment(benchmark, cycle)}" + ("" if live else ", earlier")


def first_shown(benchmark: Any) -> int:
    """Index of the variable that is shown first: the one that the benchmark says, or the last."""
    names = [v.name for v in benchmark.variables]
    return names.index(benchmark.shown_first) if benchmark.shown_first else len(names) - 1
