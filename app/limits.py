"""The limits of colour bars.

Truth and estimates share one diverging mapper, symmetric about zero, or about the mean of a
variable that keeps away from zero; spreads share one sequential mapper that starts at zero.
Limits grow at once, so that nothing is cut off, and shrink slowly, so that colours keep their
meaning from one frame to the next.
"""

from __future__ import annotations

from typing import Any

import cmocean
import numpy as np
from bokeh.models import LinearColorMapper
from matplotlib.colors import to_hex

SHRINK = {True: 0.93, False: 0.8}
"""Factor by which a limit may fall from one cycle to the next: of fields, and of spreads, which
lose orders of magnitude as a filter locks on."""


def palette(name: str) -> list[str]:
    """256 colours of a cmocean map."""
    return [to_hex(colour) for colour in cmocean.cm.cmap_d[name](np.linspace(0, 1, 256))]


class Limits:
    """One colour scale: its mapper, and the rule by which its limits follow the data.

    Args:
        symmetric: whether the scale is diverging about ``centre``, or starts there.

    Attributes:
        centre: zero, or what ``expect`` makes it.
    """

    def __init__(self, symmetric: bool) -> None:
        self.symmetric = symmetric
        self.mapper = LinearColorMapper(
            palette=palette("balance" if symmetric else "tempo"), low=-1.0 * symmetric, high=1.0
        )
        self.centre = 0.0
        self._reach: float | None = None

    def expect(self, variable: Any) -> None:
        """Take the colours that suit a variable, until there are fields of it to follow."""
        reach = 3 * variable.std if self.symmetric else variable.std
        self.centre = centre(variable) if self.symmetric else 0.0
        self.mapper.update(low=self.centre - reach * self.symmetric, high=self.centre + reach)
        self.forget()

    def forget(self) -> None:
        """Let the next fields set the limits alone: another variable or another run."""
        self._reach = None

    def follow(self, *fields: np.ndarray) -> None:
        """Adapt to the fields of a new cycle; values that are not finite are left out."""
        if not fields:
            return
        peaks = [np.abs(f[np.isfinite(f)] - self.centre).max(initial=0.0) for f in fields]
        peak = max(map(float, peaks))
        reach = peak if self._reach is None else max(peak, SHRINK[self.symmetric] * self._reach)
        self._reach = reach if reach > 0 else None
        reach = reach or 1.0
        low = -reach if self.symmetric else 0.0
        self.mapper.update(low=self.centre + low, high=self.centre + reach)


def centre(variable: Any) -> float:
    """Middle of the colours of a variable: zero, unless it hardly ever comes near zero."""
    return variable.mean if abs(variable.mean) > 3 * variable.std else 0.0
