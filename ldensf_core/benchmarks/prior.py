"""The unknown parameters: their uniform prior, draws from it, and checks of given values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ldensf_core.checks import is_whole


@dataclass(frozen=True)
class Parameter:
    """An unknown scalar with its prior, uniform on [low, high]."""

    name: str
    long_name: str
    units: str
    low: float
    high: float


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
    parameters: tuple[Parameter, ...], given: xr.Dataset | Mapping[str, float], of: str
) -> np.ndarray:
    """Check ``given`` values; return an array (trajectory, P), or (P,) for scalars.

    Args:
        of: name of the benchmark, for messages.

    Raises:
        ValueError: if a parameter is missing, unknown, not finite or outside its prior.
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
        bad = ~((column >= p.low) & (column <= p.high))
        if bad.any():
            raise ValueError(
                f"{p.name} = {column[bad].flat[0]:g} {p.units}: allowed is {p.low:g} to {p.high:g}"
            )
    return np.stack(columns, axis=-1)
