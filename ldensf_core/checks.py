"""Checks of numbers that a caller gives."""

from numbers import Integral, Real


def is_whole(value: object, least: int) -> bool:
    """Whether ``value`` is a whole number, Python's or numpy's, of at least ``least``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def is_number(value: object, low: float, high: float) -> bool:
    """Whether ``value`` is a number, Python's or numpy's, from ``low`` to ``high``."""
    return isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high
