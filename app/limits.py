"""The limits of colour bars.

Truth and estimates share one diverging scale, symmetric about zero, or about the mean of a
variable that keeps away from zero; errors share another; spreads share a sequential one that
starts at zero. Limits grow at once, so that nothing is cut off, and shrink slowly, so that colours
keep their meaning from one frame to the next.
"""

from __future__ import annotations

import math
from typing import Any

import cmocean
import numpy as np
from matplotlib.colors import to_hex

SHRINK = {True: 0.93, False: 0.8}
"""Factor by which a limit may fall from one cycle to the next: of fields, and of spreads, which
lose orders of magnitude as a filter locks on."""


def palette(name: str) -> list[str]:
    """256 colours of a cmocean map."""
    return [to_hex(colour) for colour in cmocean.cm.cmap_d[name](np.linspace(0, 1, 256))]


class Limits:
    """One colour scale, and the rule by which its limits follow the data.

    Args:
        symmetric: whether the scale is diverging about ``centre``, or starts there.

    Attributes:
        centre: zero, or what ``expect`` makes it.
        low, high: the present limits.
    """

    def __init__(self, symmetric: bool) -> None:
        self.symmetric = symmetric
        self.centre = 0.0
        self.low, self.high = -1.0 * symmetric, 1.0
        self._reach: float | None = None

    def expect(self, std: float, centre: float = 0.0) -> None:
        """Take limits that suit a variable, until there are fields of it to follow."""
        self.centre = centre
        self._set(3 * std if self.symmetric else std)
        self.forget()

    def forget(self) -> None:
        """Let the next fields set the limits alone: another variable or another run."""
        self._reach = None

    def follow(self, *extremes: tuple[float, float]) -> None:
        """Adapt to least and largest values of the fields of a new cycle."""
        values = [float(v) for pair in extremes for v in pair if math.isfinite(v)]
        if not values:
            return
        peak = max(abs(value - self.centre) for value in values)
        reach = peak if self._reach is None else max(peak, SHRINK[self.symmetric] * self._reach)
        self._reach = reach if reach > 0 else None
        self._set(reach or 1.0)

    def _set(self, reach: float) -> None:
        self.low, self.high = self.centre - reach * self.symmetric, self.centre + reach


def extremes(field: np.ndarray) -> tuple[float, float]:
    """The least and the largest finite value of a field; NaN where there is none."""
    finite = field[np.isfinite(field)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)


def centre(variable: Any) -> float:
    """Middle of the colours of a variable: zero, unless it hardly ever comes near zero."""
    return variable.mean if abs(variable.mean) > 3 * variable.std else 0.0
