"""One axis of a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of the grid: the coordinates of its points and the bounds of the domain.

    On a ``periodic`` axis the two bounds are the same place.
    """

    name: str
    long_name: str
    units: str
    points: np.ndarray
    low: float
    high: float
    periodic: bool = False

    def coarser(self, size: int) -> Axis:
        """The axis of cells of ``size`` points each, which must fill it; points are their means."""
        return replace(self, points=self.points.reshape(-1, size).mean(axis=1))

    def within(self, places: np.ndarray) -> np.ndarray:
        """Map ``places`` (n,) to the range from ``low`` to ``high``.

        On a periodic axis ``high`` becomes ``low``. Longitudes may be given from −180 or up to 360.
        On other periodic axes a place beyond the bounds is an error: it usually has wrong units.

        Raises:
            ValueError: if a place is not finite or outside the domain.
        """
        low = self.low - 180.0 if self.periodic and self.units == "°E" else self.low
        bad = ~((places >= low) & (places <= self.high))
        if bad.any():
            raise ValueError(
                f"a sensor at {self.name} = {places[bad][0]:g} {self.units} is outside the "
                f"domain, {low:g} to {self.high:g}"
            )
        if not self.periodic:
            return places
        length = self.high - self.low
        places = np.where(places < self.low, places + length, places)
        return np.where(places >= self.high, places - length, places)
