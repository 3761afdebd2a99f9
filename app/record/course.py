"""The course of a variable at one place: the truth, what filters say, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ldensf_app import units
from ldensf_app.record.run import Run
from ldensf_core.domains import Axis

DEVIATIONS = 1.645
"""Standard deviations from the mean to either end of the central 90 % of a Gaussian."""


@dataclass(frozen=True)
class Course:
    """A variable at the grid point nearest to a place, by cycle.

    Attributes:
        place: in words.
        truth: (T,), NaN where it is unknown.
        low, mean, high: of each filter, (T,): mean, and 1.645 spreads away the ends of its 90 %
            band.
        measured: (T,), NaN where nothing was measured; None if no sensor is near.
    """

    place: str
    truth: np.ndarray
    low: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    measured: np.ndarray | None

    @property
    def curves(self) -> list[np.ndarray]:
        """All that is drawn."""
        bands = [*self.low.values(), *self.mean.values(), *self.high.values()]
        return [self.truth, *bands, *([] if self.measured is None else [self.measured])]


def course(run: Run, x: float, y: float, variable: str, filters: Sequence[str]) -> Course:
    """What a run says of a variable at the place (x, y).

    Measurements are those of the nearest sensor, if it is no farther than a grid step along either
    axis.

    Raises:
        ValueError: if the place is outside the domain, or there are fields of one cycle only.
    """
    run.need_moving("A course")
    row, column = point(run, x, y)
    low, mean, high = {}, {}, {}
    for name in filters:
        of_it = [
            run.result[f"{variable}_{kind}"]
            .isel(filter=run.filters.index(name), y=row, x=column)
            .values.astype(float)
            for kind in ("mean", "spread")
        ]
        mean[name] = of_it[0]
        low[name], high[name] = (of_it[0] + k * of_it[1] for k in (-DEVIATIONS, DEVIATIONS))
    sensor = _sensor_near(run, x, y)
    return Course(
        _told(run, x, y),
        run.result[variable].isel(y=row, x=column).values.astype(float),
        low,
        mean,
        high,
        None if sensor is None else run.measured(variable)[:, sensor].astype(float),
    )


def liveliest(run: Run, variable: str) -> tuple[float, float]:
    """Position of the sensor where the truth varies most; of the first if it is unknown."""
    truth = run.result[variable].transpose("time", "y", "x").values
    rows, columns = zip(*(point(run, *place) for place in run.sensors), strict=True)
    varying = np.std(truth[:, rows, columns], axis=0)
    x, y = run.sensors[int(np.nan_to_num(varying).argmax())]
    return float(x), float(y)


def point(run: Run, x: float, y: float) -> tuple[int, int]:
    """Row and column of the grid point nearest to a place.

    Raises:
        ValueError: if the place is outside the domain.
    """
    found = []
    for axis, place in ((run.y, y), (run.x, x)):
        if not axis.low <= place <= axis.high:
            raise ValueError(
                f"{axis.name} = {place:g}: a place from {axis.low:g} to {axis.high:g}"
                f"{units.unit(axis.units)} is needed"
            )
        found.append(int(_apart(axis, axis.points, place).argmin()))
    return found[0], found[1]


def _sensor_near(run: Run, x: float, y: float) -> int | None:
    steps = []
    for axis, places, place in zip((run.x, run.y), run.sensors.T, (x, y), strict=True):
        steps.append(_apart(axis, places, place) / (axis.points[1] - axis.points[0]))
    away = np.max(steps, axis=0)
    nearest = int(away.argmin())
    return nearest if away[nearest] <= 1 else None


def _apart(axis: Axis, places: np.ndarray, place: float) -> np.ndarray:
    """Distances along an axis; on a periodic one the shorter way round."""
    apart = np.abs(places - place)
    return np.minimum(apart, axis.high - axis.low - apart) if axis.periodic else apart


def _told(run: Run, x: float, y: float) -> str:
    if run.x.units == "°E":
        return f"{units.longitude(round(x))}, {units.latitude(round(y))}"
    values = (
        f"{value:.{units.decimals(axis.high - axis.low)}f}"
        for axis, value in ((run.x, x), (run.y, y))
    )
    return f"({', '.join(values)}){units.unit(run.x.units)}"
