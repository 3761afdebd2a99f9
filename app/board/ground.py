"""What lies under the fields: a graticule where the domain is a globe, and its mountains."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import contour_generator

GRATICULE = "rgba(17, 24, 39, 0.22)"
RELIEF = "rgba(92, 74, 61, 0.85)"
STEP = 30
"""Degrees between lines of the graticule."""
CONTOURS = (0.25, 0.5, 0.75)
"""Shares of the highest mountain at which it has a contour line."""


def ground(benchmark: Any) -> list[dict[str, Any]]:
    """Lines to draw over every map: points (x, y) in the domain's coordinates, and a colour."""
    lines = []
    x, y = benchmark.x, benchmark.y
    if x.units == "°E":
        for east in np.arange(x.low + STEP, x.high, STEP):
            lines.append(line([[east, y.low], [east, y.high]], GRATICULE))
        for north in np.arange(-60, 61, STEP):
            lines.append(line([[x.low, north], [x.high, north]], GRATICULE))
    relief = benchmark.relief()
    if relief is not None:
        contours = contour_generator(x.points, y.points, relief)
        for share in CONTOURS:
            lines += [line(points, RELIEF) for points in contours.lines(share * relief.max())]
    return lines


def line(points: Any, colour: str) -> dict[str, Any]:
    """A line as the browser needs it."""
    return {"points": np.round(points, 2).tolist(), "colour": colour}
