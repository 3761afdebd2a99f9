"""Fields in two bytes a point: what a run keeps of each cycle, and what the page draws.

The page tells 256 colours apart; 65535 levels between the lowest and the highest value are more
than it can show. A run of the atmosphere with the default filters is 124 MB for its visitor. Its
fields in full would be 990 MB, and with two bytes for each point of the whole grid 500 MB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 65534
"""Number of steps from the lowest value of a field to the highest."""
MISSING = 65535
"""The pixel of a value that is not finite."""
LARGEST = 2**16
"""Points of the largest image that is kept. The atmosphere's grid has twice as many in each
direction as its waves need; halved, its pictures take a quarter of the memory and of the way."""


@dataclass(frozen=True, eq=False)
class Frame:
    """All variables of one field, packed and read-only.

    A pixel p stands for low + p (high − low) / 65534, and 65535 for a value that is not finite.
    That is off by (high − low) / 65534 / 2 at most, and by the rounding of float32.

    Attributes:
        low, high: of each variable, physical units; NaN where no value is finite.
        pixels: (V, ny, nx), uint16.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    pixels: np.ndarray

    def unpack(self, variable: int) -> np.ndarray:
        """A variable's field, (ny, nx), float32, physical units."""
        pixels, low, high = self.pixels[variable], self.low[variable], self.high[variable]
        values = pixels * np.float64((high - low) / LEVELS)
        values += low
        values[pixels == MISSING] = np.nan
        return values.astype(np.float32)

    def at(self, variable: int, row: int, column: int) -> float:
        """A variable's value at one point."""
        pixel, low, high = (
            self.pixels[variable, row, column],
            self.low[variable],
            self.high[variable],
        )
        return np.nan if pixel == MISSING else low + float(pixel) * ((high - low) / LEVELS)

    def only(self, variable: int) -> Frame:
        """The frame of one variable, without a copy."""
        one = slice(variable, variable + 1)
        return Frame(self.low[one], self.high[one], self.pixels[one])


def pack(field: np.ndarray) -> Frame:
    """The frame of a field (V, ny, nx), of the means of its points where it is large."""
    drawn = reduced(field)
    pixels = np.full(drawn.shape, MISSING, "<u2")
    limits = [_pack(values, into) for values, into in zip(drawn, pixels, strict=True)]
    pixels.setflags(write=False)
    low, high = zip(*limits, strict=True)
    return Frame(low, high, pixels)


def _pack(values: np.ndarray, pixels: np.ndarray) -> tuple[float, float]:
    """Fill in the pixels of finite values; return the lowest and the highest."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.nan, np.nan
    if not finite.all():
        of_finite = np.empty(finite.sum(), pixels.dtype)
        limits = _pack(values[finite], of_finite)
        pixels[finite] = of_finite
        return limits
    low, high = float(values.min()), float(values.max())
    levels = values.astype(np.float64)  # float32 would be off by more than rounding
    levels -= low
    levels /= (high - low) / LEVELS or 1.0
    pixels[...] = np.rint(levels, out=levels)
    return low, high


def reduced(field: np.ndarray) -> np.ndarray:
    """A field (..., ny, nx), or where that is large the means of 2 × 2 of its points."""
    if coarsening(*field.shape[-2:]) == 1:
        return field
    rows = field[..., ::2, :] + field[..., 1::2, :]
    return reduced((rows[..., ::2] + rows[..., 1::2]) / 4)


def coarsening(ny: int, nx: int) -> int:
    """Number of points in each direction that ``reduced`` makes one of: a power of 2."""
    side = 1
    while (ny // side) * (nx // side) > LARGEST and not (ny // side % 2 or nx // side % 2):
        side *= 2
    return side
