"""Maps of a cycle, whose pixels are replaced from cycle to cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from ldensf_app import units
from ldensf_app.colours import MISSING, TRUTH_COLOUR
from ldensf_app.limits import Limits, extremes, palette
from ldensf_app.pictures.sheet import INK, Room, Sheet, readable
from ldensf_app.record.labels import looks, title
from ldensf_app.record.run import Run, tick_labels

BAR = 66
"""Pixels beside a group of maps for its colour bar and the numbers there."""
GAP, LEFT, ABOVE, BELOW = 18, 46, 24, 22
"""Pixels between maps; left of the first, above and below them, for ticks and titles."""
RAMP = np.linspace(0, 1, 256)[:, None]
"""The colours of a bar, from the lowest."""


@dataclass
class _Map:
    """One map: where it stands, what it shows of which filter, and its artists."""

    kind: str
    label: str
    room: Room
    image: Any = None
    head: Any = None


@dataclass
class _Group:
    """Maps that share a colour scale and stand side by side, and the ramp of the bar after them."""

    limits: Limits
    maps: list[_Map] = field(default_factory=list)
    ramp: Any = None


class Maps:
    """Truth with sensors, estimates, and spreads or errors, of one cycle at a time.

    Spreads stand beside the estimates or below them, whichever lets the maps be larger.

    Args:
        room: for all of them; they take as much of it as their proportions allow, in the middle.
        one_row: the share of the room's height that a single row may take.
        error: whether the error is mapped too, where there is one filter.

    Attributes:
        bottom: where they end, in pixels from the top.
        moving: what changes from cycle to cycle, in the order of drawing.
    """

    def __init__(
        self,
        sheet: Sheet,
        run: Run,
        variable: str | None,
        filters: Sequence[str] | None,
        room: Room,
        one_row: float = 1.0,
        error: bool = False,
    ) -> None:
        self.sheet, self.run, self.of = sheet, run, run.variable(variable)
        names = run.chosen(filters)
        means = [("truth", ""), *(("mean", n) for n in names)]
        spreads = [("spread", n) for n in names]
        errors = [[("error", n)] for n in names if error and len(names) == 1]
        beside, below = [[means, *errors, spreads]], [[means], [spreads]]
        beside_width = _width(beside, room.width, one_row * room.height, units.aspect(run))
        below_width = _width(below, room.width, room.height, units.aspect(run))
        rows, width = (
            (beside, beside_width) if beside_width >= below_width else (below, below_width)
        )
        height = width / units.aspect(run)
        of_fields, of_spreads = run.scales(self.of)
        self.limits = {"truth": of_fields, "error": Limits(symmetric=True), "spread": of_spreads}
        self.groups: list[_Group] = []
        self.bottom = room.top
        start = room.left + (room.width - _used(rows, width)) / 2 + LEFT
        for groups in rows:
            # Spreads in a row of their own stand below their estimates.
            left = start + (width + GAP) * (len(rows) > 1 and groups[0] is spreads)
            first = True
            for group in groups:
                made = _Group(self.limits[group[0][0]])
                for kind, label in group:
                    place = Room(left, self.bottom + ABOVE, width, height)
                    made.maps.append(self._map(kind, label, place, made.limits, first))
                    left, first = left + width + GAP, False
                bar = Room(left - GAP + 6, self.bottom + ABOVE, 9, height)
                made.ramp = self._ramp(bar, made.limits)
                left += BAR
                self.groups.append(made)
            self.bottom += ABOVE + height + BELOW
        truth = self.groups[0].maps[0].image.axes
        size = float(np.clip(width / 4 / np.sqrt(len(run.sensors)), 2.0, 7.0))
        ring = {"s": size**2 * 0.8, "linewidths": 0.7, "zorder": 3}
        self.silent = truth.scatter([], [], facecolors="none", edgecolors=TRUTH_COLOUR, **ring)
        self.reporting = truth.scatter([], [], facecolors=TRUTH_COLOUR, edgecolors="white", **ring)
        maps = [m for group in self.groups for m in group.maps]
        self.moving = [m.image for m in maps] + [self.silent, self.reporting]
        self.moving += [spine for m in maps for spine in m.image.axes.spines.values()]
        self.moving += [m.head for m in maps] + [group.ramp.axes for group in self.groups]

    def _map(self, kind: str, label: str, room: Room, limits: Limits, first: bool) -> _Map:
        run, ax = self.run, self.sheet.axes(room)
        ax.set_facecolor(MISSING)
        made = _Map(kind, label, room)
        x, y = run.x, run.y
        made.image = ax.imshow(
            np.full((len(y.points), len(x.points)), np.nan, np.float32),
            origin="lower",
            aspect="auto",
            extent=(x.low, x.high, y.low, y.high),
            cmap=_colours(limits),
        )
        for axis, of, wanted in ((ax.xaxis, x, True), (ax.yaxis, y, first)):
            ticks = dict(tick_labels(of)) if wanted else {}
            axis.set_ticks(list(ticks), list(ticks.values()))
        for label_, place in zip(ax.get_xticklabels(), tick_labels(x), strict=True):
            # Those at the edges stay clear of the next map's.
            label_.set_ha({x.low: "left", x.high: "right"}.get(place[0], "center"))
        made.head = ax.set_title("", fontsize=1.05 * self.sheet.text, color=INK, pad=4)
        if label:
            made.head.set_color(readable(looks(run.filters)[label].colour))
        return made

    def _ramp(self, room: Room, limits: Limits) -> Any:
        ax = self.sheet.axes(room)
        ramp = ax.imshow(RAMP, origin="lower", aspect="auto", cmap=_colours(limits))
        ax.xaxis.set_visible(False)
        ax.yaxis.tick_right()
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.tick_params(labelsize=0.85 * self.sheet.text)
        unit = units.named("", self.of.units).strip(" ()")
        # At a fixed height, which spares looking for one at each frame.
        ax.set_title(unit, fontsize=0.9 * self.sheet.text, color=INK, y=1.0, pad=4, loc="left")
        return ramp

    def show(self, cycle: int) -> None:
        """Draw the fields of a cycle. Colour limits grow at once and shrink slowly."""
        run, of = self.run, self.of
        truth, drawn = run.truth(of.name, cycle), []
        for group in self.groups:
            shown = []
            for map_ in group.maps:
                if map_.kind == "truth":
                    values, told = truth, "truth"
                elif map_.kind == "error":
                    values = run.estimate(of.name, "mean", map_.label, cycle) - truth
                    told = "mean − truth"
                else:
                    values = run.estimate(of.name, map_.kind, map_.label, cycle)
                    told = title(map_.label) + (", spread" if map_.kind == "spread" else "")
                if map_.label and (when := run.latest(map_.label, cycle)) != cycle:
                    told += f", step {when}"
                self.sheet.fit(map_.head, told, map_.room.width)
                shown.append(values)
            drawn.append(shown)
        for group, shown in zip(self.groups, drawn, strict=True):
            group.limits.follow(*map(extremes, shown))
            low, high = group.limits.low, group.limits.high
            for map_, values in zip(group.maps, shown, strict=True):
                map_.image.set_data(np.ma.masked_invalid(values))
                map_.image.set_clim(low, high)
            group.ramp.set_extent((0, 1, low, high))
            group.ramp.axes.set_ylim(low, high)
        there = run.reporting(cycle)
        self.reporting.set_offsets(run.sensors[there])
        self.silent.set_offsets(run.sensors[~there])


def _used(rows: list[list[list]], width: float) -> float:
    """Pixels that the widest row takes with maps of some width."""
    most = max(sum(width + GAP for group in row for _ in group) + BAR * len(row) for row in rows)
    return LEFT + most


def _width(rows: list[list[list]], wide: float, high: float, aspect: float) -> float:
    """The largest width of maps in some rows that fit in ``wide`` × ``high`` pixels."""
    fixed = _used(rows, 0.0)
    columns = max(sum(map(len, row)) for row in rows)
    return min((wide - fixed) / columns, (high / len(rows) - ABOVE - BELOW) * aspect)


def _colours(limits: Limits) -> ListedColormap:
    return ListedColormap(palette("balance" if limits.symmetric else "tempo"))
