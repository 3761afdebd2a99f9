"""A run as a film: a frame a cycle, as MP4 or as an animated GIF."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
import xarray as xr
from PIL import Image

from ldensf_app.pictures import curves
from ldensf_app.pictures.maps import Maps
from ldensf_app.pictures.page import head, settings, told
from ldensf_app.pictures.sheet import Room, Sheet
from ldensf_app.record.run import Run

RATE = 6
"""Frames a second."""
LAST = 1500
"""Milliseconds that the last frame of a GIF stays."""
LARGEST = 2_500_000
"""Bytes of a GIF at most."""
COLOURS = (128, 64, 32)
"""Of a GIF, fewer where it were too large."""


class Film:
    """The frames of a film: maps of truth, estimates and spreads, and errors up to their cycle.

    One figure is drawn once and then updated.

    Args:
        width, height: in pixels, even.
        text: size of the letters, in pixels.

    Raises:
        ValueError: if there are fields of one cycle only, or ``result`` is another dataset.
    """

    def __init__(self, result: xr.Dataset, width: int, height: int, text: float) -> None:
        run = self.run = Run(result)
        run.need_moving("A film")
        sheet = self.sheet = Sheet(width, height, text)
        head(sheet, run)
        edge, top = 1.2 * text, 4.6 * text
        self.told = sheet.write(24, 3.0 * text, "")
        self.settings = settings(run)
        least = 0.3 * height
        self.maps = Maps(
            sheet, run, None, None, Room(edge, top, width - 2 * edge, height - top - least)
        )
        above = self.maps.bottom + 2.6 * text
        self.errors = curves.errors(
            sheet,
            Room(edge + 4 * text, above, width - 2 * edge - 5 * text, height - above - 3.6 * text),
            run,
        )
        self.moving = [*self.maps.moving, *(line for line, _ in self.errors.lines), self.told]

    def __len__(self) -> int:
        return len(self.run.times)

    def frame(self, cycle: int) -> np.ndarray:
        """The picture of a cycle, (height, width, 3), uint8. Colour limits follow the last one."""
        self.maps.show(cycle)
        self.errors.grow(cycle)
        self.told.set_text(f"{told(self.run, cycle)}  ·  {self.settings}")
        return self.sheet.pixels(self.moving)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.frame, range(len(self)))


def mp4(result: xr.Dataset, on_frame: Callable[[int, int], object] | None = None) -> bytes:
    """The run as a film of 1280 × 720 pixels, a cycle a frame, six frames a second.

    H.264 in an MP4 that plays while it loads. May be called from any thread.

    Args:
        result: what ``TwinExperiment.run`` returns, or the same read from a file.
        on_frame: called after each frame with how many are done and how many there are; what it
            raises ends the film.

    Raises:
        ValueError: if there are fields of one cycle only, or ``result`` is another dataset.
    """
    film = Film(result, 1280, 720, text=14)
    file = io.BytesIO()
    # The table of frames goes to the front, into room kept for it: in memory it cannot be moved.
    room = str(20_000 + 64 * len(film))
    with av.open(file, "w", format="mp4", options={"moov_size": room}) as container:
        options = {"crf": "17", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for done, pixels in enumerate(film, 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            if on_frame is not None:
                on_frame(done, len(film))
        container.mux(stream.encode())
    return file.getvalue()


def gif(result: xr.Dataset, on_frame: Callable[[int, int], object] | None = None) -> bytes:
    """The run as an animated GIF of 800 × 450 pixels, for a page of text; at most 2.5 MB.

    Where it were larger, it has fewer colours, then fewer frames.

    Args:
        result, on_frame: as for ``mp4``.

    Raises:
        ValueError: if there are fields of one cycle only, or ``result`` is another dataset.
    """
    film = Film(result, 800, 450, text=11)
    frames = []
    for done, pixels in enumerate(film, 1):
        frames.append(Image.fromarray(pixels))
        if on_frame is not None:
            on_frame(done, len(film))
    skipped = 1
    while True:
        for colours in COLOURS:
            # Counted from the last, which is always there.
            found = _animated(frames[::-1][::skipped][::-1], colours, skipped * 1000 // RATE)
            if len(found) <= LARGEST or skipped > len(frames):
                return found
        skipped += 1


def _animated(frames: list[Image.Image], colours: int, milliseconds: int) -> bytes:
    """Frames as a GIF that repeats, in colours chosen from all of them."""
    strip = Image.fromarray(np.concatenate([np.asarray(f)[::3, ::3] for f in frames[::4]]))
    palette = strip.quantize(colours, dither=Image.Dither.NONE)
    first, *others = (f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames)
    file = io.BytesIO()
    durations = [milliseconds] * len(others) + [LAST]
    first.save(
        file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False
    )
    return file.getvalue()
