"""Limits and ticks of the axes on which a run's numbers are drawn. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LEAST = 5e-4
"""Relative error below which its axis does not go."""
TICKS = 6
"""Most ticks of a logarithmic axis."""


def margin(times: np.ndarray) -> tuple[float, float]:
    """Limits of an axis of times, with a little room."""
    room = 0.01 * float(times[-1] - times[0]) or 0.5
    return float(times[0]) - room, float(times[-1]) + room


def log_limits(
    curves: Iterable[np.ndarray], least: float, low: float, high: float
) -> tuple[float, float]:
    """Limits of a logarithmic axis: at least from ``low`` to ``high``, never below ``least``."""
    for curve in curves:
        if np.isfinite(curve).any():
            low = min(low, 0.8 * float(np.nanmin(curve)))
            high = max(high, 1.25 * float(np.nanmax(curve)))
    return max(low, least), high


def limits(curves: Iterable[np.ndarray]) -> tuple[float, float]:
    """Limits of an axis that holds all finite values of some curves, with a little room."""
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def round_ticks(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: 1, 2 and 5 in each decade; fewer where they were many.

    >>> round_ticks(0.3, 6.0)
    [0.5, 1.0, 2.0, 5.0]
    """
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for leading in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{k}e{d}") for d in decades for k in leading]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // TICKS)]
