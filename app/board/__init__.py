"""The maps of the page: one component with four panels, drawn by the browser.

Bokeh's figures redraw axes, bars and sensors for every new picture, and each costs the page half a
second before it is there. Here a picture is painted on a small canvas which the browser stretches;
all else is drawn when it changes.

The JavaScript is one module in parts, put together below: ``colour`` (levels to pixels), ``axes``
(numbers at the axes), ``gestures`` (pointer and keys), ``panel`` (one map) and ``board`` (all of
them). Fields arrive as 16-bit levels (``frames``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import param
from panel.custom import JSComponent

from ldensf_app import units
from ldensf_app.board.ground import ground
from ldensf_app.limits import palette

PARTS = ("colour", "axes", "gestures", "panel", "board")
PANELS = 4
PALETTES = {"field": "balance", "error": "curl", "spread": "tempo"}
"""Of cmocean, by the scale of a panel."""
_here = Path(__file__).parent


class Board(JSComponent):
    """Maps beside each other, which zoom and pan together, and the bar to go back by.

    Attributes:
        frame: one picture of all panels; see ``Scene``. The browser sends back
            ``number`` once it has drawn it.
        domain: axes and lines of the ground; see ``describe``.
        sensors: ``positions`` (n, 2) flat, ``silent`` (n,), 1 where nothing was reported.
        asked: positions, flat, of sensors asked for by hand that no cycle has yet; or empty.
        edit: number of the latest edit by hand that was heard, as the browser gave it.
        choices: what a panel can show: (name, title). ``views``: what each shows.
        variables: how they are written, with units. ``variable``: the one shown.
        point: where the series is taken, or None.
    """

    frame = param.Dict(default={})
    domain = param.Dict(default={})
    sensors = param.Dict(
        default={"positions": np.empty(0, np.float32), "silent": np.empty(0, np.uint8)}
    )
    asked = param.List(default=[])
    edit = param.Number(default=0.0)
    choices = param.List(default=[])
    views = param.List(default=["truth"] * PANELS)
    variables = param.List(default=[])
    variable = param.Integer(default=0)
    point = param.List(default=None, allow_None=True)
    palettes = param.Dict(default={scale: palette(name) for scale, name in PALETTES.items()})

    _esm = "\n".join((_here / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _stylesheets: ClassVar[list[str]] = [(_here / "board.css").read_text(encoding="utf-8")]

    def __init__(self, heard: Callable[[str, Any], None], **params: Any) -> None:
        """Args: ``heard`` is called with what the browser says: a name and a value."""
        super().__init__(sizing_mode="stretch_both", margin=0, **params)
        self._heard = heard

    def _handle_msg(self, data: Any) -> None:
        for name, value in data.items() if isinstance(data, dict) else ():
            self._heard(name, value)

    def describe(self, benchmark: Any) -> None:
        """Take axes and ground of a benchmark."""
        self.domain = {
            "x": axis(benchmark.x),
            "y": axis(benchmark.y),
            "lines": ground(benchmark),
        }
        self.variables = [units.named(units.symbol(v), v.units) for v in benchmark.variables]

    def place(self, positions: np.ndarray, silent: np.ndarray | None) -> None:
        """Draw sensors at ``positions`` (n, 2); hollow where ``silent`` (n,)."""
        said = np.zeros(len(positions), np.uint8) if silent is None else silent.astype(np.uint8)
        self.sensors = {"positions": positions.astype(np.float32).ravel(), "silent": said}


def axis(of: Any) -> dict[str, Any]:
    """An axis of the domain as the browser needs it."""
    return {
        "low": float(of.low),
        "high": float(of.high),
        "units": of.units,
        "suffix": units.unit(of.units),
        "digits": units.decimals(of.high - of.low) if of.units not in ("°E", "°N") else 0,
        "ticks": [[value, label] for value, label in units.ticks(of).items()],
    }
