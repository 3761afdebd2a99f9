"""Sensors by a stroke of the pointer over the map."""

from __future__ import annotations

from typing import Any

import numpy as np

BRUSHES = ("grid", "random", "line", "cluster")


def brush(
    benchmark: Any,
    tool: str,
    n: int,
    start: tuple[float, float],
    end: tuple[float, float],
    seed: int,
) -> list[tuple[float, float]]:
    """Positions of ``n`` sensors.

    Args:
        tool: ``grid`` or ``random``: in the rectangle with corners ``start`` and ``end``;
            ``line``: from one to the other; ``cluster``: in the disc about ``start`` through
            ``end``, what lies outside the domain is moved to its edge.
        seed: of the random ones.

    Raises:
        ValueError: for an unknown tool, or a stroke without extent.
    """
    if tool not in BRUSHES:
        raise ValueError(f"brush {tool!r} is unknown; there are {', '.join(BRUSHES)}")
    a, b = np.array(start, float), np.array(end, float)
    if not np.isfinite([a, b]).all() or (a == b).all():
        raise ValueError("The stroke has no extent: drag over a part of the map.")
    generator = np.random.default_rng(seed)
    if tool == "line":
        found = a + np.linspace(0, 1, n)[:, None] * (b - a)
    elif tool == "random":
        found = generator.uniform(np.minimum(a, b), np.maximum(a, b), (n, 2))
    elif tool == "cluster":
        angle = generator.uniform(0, 2 * np.pi, n)
        radius = np.hypot(*(b - a)) * np.sqrt(generator.uniform(0, 1, n))
        found = a + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    else:
        found = _grid(n, np.minimum(a, b), np.maximum(a, b))
    ends = np.array([[axis.low, axis.high] for axis in (benchmark.x, benchmark.y)])
    return [tuple(p) for p in np.clip(found, *ends.T).tolist()]


def _grid(n: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """At most ``n`` points in rows and columns, as nearly square as the rectangle lets them."""
    width, height = np.maximum(high - low, 1e-9 * np.abs(high).max())
    columns = int(np.clip(round(np.sqrt(n * width / height)), 1, n))
    rows = max(1, n // columns)
    x = low[0] + (np.arange(columns) + 0.5) / columns * width
    y = low[1] + (np.arange(rows) + 0.5) / rows * height
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
