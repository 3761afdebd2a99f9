"""The unknown parameters: their uniform prior, draws from it, and checks of given values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from ldensf_core.checks import is_whole


@dataclass(frozen=True)
class Parameter:
    """An unknown scalar with its prior, uniform on [low, high].

    Attributes:
        runs: least and largest value that the solver can run; by default any number, above zero
            if the prior is.
    """

    name: str
    long_name: str
    units: str
    low: float
    high: float
    # Of the solver, not of the unknown: a file of its runs has the same parameters.
    runs: tuple[float, float] | None = field(default=None, compare=False)

    def can_run(self, values: np.ndarray) -> np.ndarray:
        """Where the solver can run ``values``, of any shape."""
        if self.runs is not None:
            return np.isfinite(values) & (values >= self.runs[0]) & (values <= self.runs[1])
        return np.isfinite(values) & (values > (0 if self.low > 0 else -math.inf))

    def widened(self, share: float) -> tuple[float, float]:
        """The prior's bounds moved outwards by a share of its width, as far as the solver runs."""
        margin = share * (self.high - self.low)
        least = self.low / 2 if self.low > 0 else -math.inf
        lowest, highest = self.runs or (least, math.inf)
        return max(self.low - margin, lowest), min(self.high + margin, highest)

    @property
    def range_told(self) -> str:
        """The values that the solver can run, for messages."""
        if self.runs is not None:
            return f"{self.runs[0]:g} to {self.runs[1]:g}"
        return "any above 0" if self.low > 0 else "any"


def drawn(parameters: tuple[Parameter, ...], n: int, seed: int) -> np.ndarray:
    """``n`` independent draws from the prior, (n, P).

    Raises:
        ValueError: if ``n`` is not a whole number ≥ 1 or ``seed`` not one ≥ 0.
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        if not is_whole(value, least):
            raise ValueError(f"{name} = {value!r}: a whole number of at least {least} is needed")
    unit = np.random.default_rng(seed).random((n, len(parameters)))
    return np.array([p.low for p in parameters]) + unit * np.array(
        [p.high - p.low for p in parameters]
    )


def checked(
    parameters: tuple[Parameter, ...],
    given: xr.Dataset | Mapping[str, float],
    of: str,
    beyond_prior: bool = False,
) -> np.ndarray:
    """Check ``given`` values; return an array (trajectory, P), or (P,) for scalars.

    Args:
        of: name of the benchmark, for messages.
        beyond_prior: allow all values that the solver can run.

    Raises:
        ValueError: if a parameter is missing, unknown, not finite or outside what is allowed.
    """
    names = [p.name for p in parameters]
    if not isinstance(given, Mapping):
        raise ValueError(
            f"parameters {given!r}: a mapping or dataset of {', '.join(names)} is needed"
        )
    unknown = set(map(str, given)) - set(names)
    missing = set(names) - set(map(str, given))
    if unknown or missing:
        raise ValueError(
            f"{of} takes the parameters {', '.join(names)}; "
            f"missing: {sorted(missing) or 'none'}, unknown: {sorted(unknown) or 'none'}"
        )
    columns = [np.asarray(given[name]) for name in names]
    for p, values in zip(parameters, columns, strict=True):
        if values.dtype.kind not in "iuf":
            raise ValueError(
                f"{p.name} = {values.tolist()!r}: numbers from {p.low:g} to {p.high:g} "
                f"{p.units} are needed"
            )
    columns = [values.astype(float) for values in columns]
    for p, column in zip(parameters, columns, strict=True):
        good = (column >= p.low) & (column <= p.high)
        bad = ~(good | p.can_run(column)) if beyond_prior else ~good
        if bad.any():
            beyond = f" (the prior), the solver runs {p.range_told}" if beyond_prior else ""
            raise ValueError(
                f"{p.name} = {column[bad].flat[0]:g} {p.units}: allowed is {p.low:g} to "
                f"{p.high:g}{beyond}"
            )
    return np.stack(columns, axis=-1)


def surprises(parameters: tuple[Parameter, ...], values: np.ndarray) -> list[str]:
    """A message for each of the ``values`` (P,) that is outside its prior, none for NaN."""
    return [
        f"{p.name} = {value:g}{'' if p.units == '1' else f' {p.units}'} is outside of {p.low:g} to "
        f"{p.high:g}: filters know the prior only"
        for p, value in zip(parameters, values, strict=True)
        if value < p.low or value > p.high
    ]
