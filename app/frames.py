"""temporary"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 65534
MISSING = 65535
LARGEST = 2**16


def reduced(field):
    ny, nx = field.shape[-2:]
    if ny * nx <= LARGEST or ny % 2 or nx % 2:
        return field
    return reduced(field.reshape(*field.shape[:-2], ny // 2, 2, nx // 2, 2).mean(axis=(-3, -1)))


@dataclass(frozen=True)
class Frame:
    low: np.ndarray
    high: np.ndarray
    pixels: np.ndarray

    def unpack(self, variable):
        p = self.pixels[variable]
        v = (
            self.low[variable]
            + (self.high[variable] - self.low[variable]) * p.astype(np.float32) / LEVELS
        )
        return np.where(p == MISSING, np.nan, v).astype(np.float32)

    def at(self, variable, row, column):
        return float(
            self.low[variable]
            + (self.high[variable] - self.low[variable])
            * self.pixels[variable, row, column]
            / LEVELS
        )


def pack(field):
    f = reduced(field)
    ok = np.isfinite(f)
    low = np.where(ok, f, np.inf).min(axis=(1, 2))
    high = np.where(ok, f, -np.inf).max(axis=(1, 2))
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    span = np.where(high > low, high - low, 1.0)[:, None, None]
    px = np.where(
        ok, np.round((np.where(ok, f, 0) - low[:, None, None]) / span * LEVELS), MISSING
    ).astype(np.uint16)
    return Frame(low, np.where(high > low, high, low + 1.0), px)
