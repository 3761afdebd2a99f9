"""A figure placed by the pixel, drawn with Matplotlib alone.

HoloViews draws through pyplot, which keeps figures and settings for the whole process. Here a
figure belongs to who made it, so that any thread may draw; and its artists can be updated, which
takes a fraction of the time of drawing them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

DOTS = 100
"""Pixels an inch."""
LETTER = 0.56
"""Mean width of a letter, over its size."""
SMALLEST = 0.75
"""How far the letters of a title may shrink."""
INK, PALE = "#1f2937", "#d1d5db"


@dataclass(frozen=True)
class Room:
    """A rectangle in pixels, from the top left corner of the figure."""

    left: float
    top: float
    width: float
    height: float


class Sheet:
    """A figure of this size in pixels, without pyplot.

    Args:
        text: size of the letters, in pixels.
    """

    def __init__(self, width: int, height: int, text: float = 12.0) -> None:
        self.width, self.height = width, height
        self.text = 72 * text / DOTS  # points
        self.figure = Figure((width / DOTS, height / DOTS), dpi=DOTS, facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self._ground: Any = None

    def axes(self, room: Room) -> Axes:
        """Axes whose frame fills a room."""
        bottom = self.height - room.top - room.height
        ax = self.figure.add_axes(
            (
                room.left / self.width,
                bottom / self.height,
                room.width / self.width,
                room.height / self.height,
            )
        )
        ax.tick_params(labelsize=0.9 * self.text, color=PALE, labelcolor=INK, length=3, pad=2)
        for spine in ax.spines.values():
            spine.set(color=PALE, linewidth=0.8)
        return ax

    def write(self, left: float, top: float, text: str, scale: float = 1.0, **more: Any) -> Any:
        """Text whose upper edge is at ``top``, at a multiple of the usual size."""
        place = left / self.width, 1 - top / self.height
        style_ = {"va": "top", "color": INK, "fontsize": scale * self.text} | more
        return self.figure.text(*place, text, **style_)

    def fit(self, head: Text, text: str, width: float) -> None:
        """Set a title, in smaller letters or shortened if it were wider than its room."""
        size = 1.05 * self.text
        most = width / (LETTER * size * DOTS / 72)
        shown = text if SMALLEST * len(text) <= most else text[: int(most / SMALLEST) - 1] + "…"
        head.set_text(shown)
        head.set_fontsize(size * min(1.0, most / max(len(shown), 1)))

    def pixels(self, moving: Sequence[Artist]) -> np.ndarray:
        """What is drawn, (height, width, 3), uint8.

        Args:
            moving: all that has changed since the last call, always the same artists; only they
                are drawn again.
        """
        if self._ground is None:
            for artist in moving:
                artist.set_animated(True)
            self.canvas.draw()
            self._ground = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._ground)
        for artist in moving:
            artist.draw(self.canvas.get_renderer())
        return np.array(self.canvas.buffer_rgba())[..., :3]


def readable(colour: str) -> tuple[float, ...]:
    """A colour for text: darker where it is so light that it could not be read on white."""
    rgb = np.array(to_rgb(colour))
    light = float(rgb @ (0.299, 0.587, 0.114))
    return tuple(rgb * min(1.0, 0.55 / light) if light > 0 else rgb)
