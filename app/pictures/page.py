"""A result as one picture: maps of a cycle, and the curves of the whole run."""

from __future__ import annotations

import io
from functools import partial

import xarray as xr

from ldensf_app.pictures import curves
from ldensf_app.pictures.maps import Maps
from ldensf_app.pictures.sheet import Room, Sheet
from ldensf_app.record.course import course, liveliest
from ldensf_app.record.run import Run

WIDTH, HEIGHT = 1920, 1080
HEAD, EDGE = 76, 24
"""Pixels for the title, and around all."""
MAPS, ONE_ROW = 0.62, 0.74
"""Most of the height that maps take, and the share of it for a single row."""
ABOVE, BELOW, BESIDE = 30, 44, 58
"""Pixels above, below and at the left of a figure of curves, for its title and its axes."""
LOW = 190
"""Least height of the frame of one, in pixels, for two rows of them."""


def png(result: xr.Dataset, time: int = -1) -> bytes:
    """A PNG of 1920 × 1080 pixels: maps of a cycle, errors, parameters, innovations, times.

    Also the course of the mapped variable where the truth varies most, if there are fields of every
    cycle. Needs no display, and may be called from any thread.

    Args:
        result: what ``TwinExperiment.run`` returns, or the same read from a file.
        time: index of the cycle that is mapped; negative ones count from the end.

    Raises:
        ValueError: if there is no such cycle, or ``result`` is another dataset.
    """
    run = Run(result)
    cycle = run.cycle(time)
    sheet = Sheet(WIDTH, HEIGHT, text=14.5)
    head(sheet, run)
    sheet.write(EDGE, 46, f"{told(run, cycle)}  ·  {settings(run)}")
    width = WIDTH - 2 * EDGE
    room = Room(EDGE, HEAD, width, MAPS * HEIGHT)
    maps = Maps(sheet, run, None, None, room, ONE_ROW, error=True)
    maps.show(cycle)
    drawn = [curves.errors]
    if run.moving:
        name = maps.of.name
        there = course(run, *liveliest(run, name), name, run.filters)
        drawn.append(partial(curves.course, variable=name, there=there))
    drawn += [partial(curves.parameter, name=name) for name in run.parameters[:2]]
    drawn += [curves.innovations, curves.times]
    top = maps.bottom + EDGE / 2
    for draw, room in zip(drawn, _rooms(len(drawn), top), strict=True):
        figure = draw(sheet, room, run)
        if figure.ax.get_xlabel() != "step":
            figure.mark(cycle)
    file = io.BytesIO()
    sheet.figure.savefig(file, format="png", dpi=sheet.figure.dpi)
    return file.getvalue()


def _rooms(count: int, top: float) -> list[Room]:
    """Rooms for the frames of all figures, below ``top``: in two rows if these are high."""
    free = HEIGHT - top - EDGE / 2
    rows = 2 if free / 2 - ABOVE - BELOW >= LOW and count > 3 else 1
    columns = -(-count // rows)
    width, height = (WIDTH - 2 * EDGE) / columns, free / rows
    rooms = []
    cell = 0
    for place in range(count):
        cells = 1 + rows * columns - count if place == 0 else 1  # none stays empty
        left, above = EDGE + (cell % columns) * width, top + (cell // columns) * height
        inner = cells * width - BESIDE - EDGE / 2
        rooms.append(Room(left + BESIDE, above + ABOVE, inner, height - ABOVE - BELOW))
        cell += cells
    return rooms


def head(sheet: Sheet, run: Run) -> None:
    """What was run, and the legend of the filters."""
    sheet.write(EDGE, 12, run.title, 1.5, weight="bold")
    curves.legend(sheet, run)


def told(run: Run, cycle: int) -> str:
    """Step and model time of a cycle."""
    return f"step {cycle} of {len(run.times) - 1}, {run.moment(cycle)}"


def settings(run: Run) -> str:
    """How the run was made, as far as its dataset says."""
    of, sensors = run.result.attrs, run.result.sizes["sensor"]
    layout = f" ({of['layout']})" if "layout" in of else ""
    parts = [f"{sensors} sensors{layout}"]
    parts += [f"noise {of['noise']}"] if "noise" in of else []
    parts += [f"{of['members']} members"] if "members" in of else []
    parts += [f"seed {of['seed']}"] if "seed" in of else []
    return "  ·  ".join(parts)
