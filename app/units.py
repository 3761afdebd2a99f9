"""How numbers of a benchmark are written: units, times, places, proportions. Pure functions.

Nothing here knows a benchmark by name: what is written follows from units and bounds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SHORT = 16
"""Letters of a long name that is not too long."""
HOURS_IN_DAYS = 120.0
"""Times of a run that ends later than this, in hours, are written in days."""


def unit(units: str) -> str:
    """Units as they are printed after a number, with the space; nothing for a pure number."""
    if units == "1":
        return ""
    return f" × {units}" if units[0].isdigit() else f" {units}"


def named(name: str, units: str) -> str:
    """A name with its units in brackets, if it has any."""
    return name if units == "1" else f"{name} ({units})"


def symbol(variable: Any) -> str:
    """How a variable is written."""
    return variable.symbol or variable.name


def short(parameter: Any) -> str:
    """How a parameter is called where there is little room."""
    long = parameter.long_name
    return long if len(long) <= SHORT else parameter.name.replace("_", " ")


def decimals(scale: float) -> int:
    """Decimals with which numbers of size ``scale`` show three digits, at least none."""
    return max(0, 2 - math.floor(math.log10(scale)))


def aspect(benchmark: Any) -> float:
    """Width of the domain over its height."""
    x, y = benchmark.x, benchmark.y
    return float((x.high - x.low) / (y.high - y.low))


# -- times --------------------------------------------------------------------------------


def _in_days(benchmark: Any) -> bool:
    return benchmark.time_units == "h" and benchmark.times[-1] > HOURS_IN_DAYS


def time_axis(benchmark: Any) -> tuple[np.ndarray, str]:
    """Times of all snapshots as they are plotted, and the name of that axis."""
    if _in_days(benchmark):
        return np.asarray(benchmark.times / 24, np.float32), "model time (days)"
    return np.asarray(benchmark.times, np.float32), named("model time", benchmark.time_units)


def moment(benchmark: Any, index: int) -> str:
    """Model time of a snapshot."""
    time = float(benchmark.times[index])
    if _in_days(benchmark):
        return f"day {time / 24:.1f}"
    digits = decimals(float(benchmark.times[1] - benchmark.times[0]) * 10)
    return f"{time:.{digits}f}{unit(benchmark.time_units)}"


def interval(benchmark: Any, snapshots: int) -> str:
    """Model time between snapshots that are ``snapshots`` apart; in minutes where below 3 h."""
    step = float(benchmark.times[1] - benchmark.times[0])
    if benchmark.time_units == "h" and 10 * step < 3:
        return f"{60 * snapshots * step:.0f} min"
    return f"{snapshots * step:g}{unit(benchmark.time_units)}"


def spin_up(benchmark: Any) -> str:
    """Model time before the first snapshot, which every run has to go through; may be empty."""
    first = float(benchmark.times[0])
    return f"{first:g}{unit(benchmark.time_units) or ' time units'}" if first > 0 else ""


# -- places -------------------------------------------------------------------------------


def ticks(axis: Any) -> dict[float, str]:
    """Ticks of one axis of the domain, with their labels.

    Degrees are written as on a globe, a period of 2π in parts of π. Elsewhere the last tick
    gives the unit: it costs the map no room.
    """
    if axis.units == "°E":
        return {float(t): longitude(t) for t in np.arange(axis.low, axis.high + 1, 60)}
    if axis.units == "°N":
        return {float(t): latitude(t) for t in (-60, -30, 0, 30, 60)}
    if math.isclose(axis.high - axis.low, 2 * math.pi) and axis.low == 0:
        return {k * math.pi / 2: label for k, label in enumerate(("0", "π/2", "π", "3π/2", "2π"))}
    labels = {float(t): f"{t:g}" for t in np.linspace(axis.low, axis.high, 6)}
    return labels if axis.units == "1" else labels | {float(axis.high): axis.units}


def longitude(east: float) -> str:
    """A longitude, given in degrees east."""
    east = east % 360
    if east in (0, 180):
        return f"{east:.0f}°"
    return f"{east:.0f}°E" if east < 180 else f"{360 - east:.0f}°W"


def latitude(north: float) -> str:
    """A latitude, given in degrees north."""
    return f"{abs(north):.0f}°" + ("N" if north > 0 else "S" if north < 0 else "")
