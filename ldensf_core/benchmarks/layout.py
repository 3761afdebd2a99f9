"""Check a dataset of runs, and read its domain and times."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ldensf_core.benchmarks.labels import DIMS
from ldensf_core.conventions import shown
from ldensf_core.domains import Axis, Box, Domain, Globe

FEWEST_RUNS = 3
"""Least number of runs: one for each split."""
UNEVEN = 1e-3
"""Tolerance of even spacing, as a share of a step: allows for single precision."""
TIMES = {
    "h": ("h", "hr", "hour", "hours"),
    "s": ("s", "sec", "second", "seconds"),
    "min": ("min", "minute", "minutes"),
    "d": ("d", "day", "days"),
}
"""Units of time as shown, with their spellings in files."""


def checked_layout(dataset: xr.Dataset) -> tuple[list[str], list[str]]:
    """Names of the variables and of the parameters, from their dimensions.

    Raises:
        ValueError: if a dimension or its coordinate is missing, there is no variable or no
            parameter, an array has wrong dimensions or values that are not finite numbers, or there
            are too few runs.
    """
    for dim in DIMS:
        if dim not in dataset.sizes:
            have = ", ".join(map(str, dataset.sizes)) or "none"
            raise ValueError(f"there is no dimension {dim!r}: {_needed()}; it has {have}")
        if dim != "trajectory" and dim not in dataset.coords:
            raise ValueError(f"there are no coordinates {dim!r}, numbers along that dimension")
        least = FEWEST_RUNS if dim == "trajectory" else 2
        if dataset.sizes[dim] < least:
            raise ValueError(
                f"dimension {dim!r} has length {dataset.sizes[dim]}: at least {least} are needed"
            )
    variables, parameters = [], []
    for name, array in dataset.variables.items():
        if name in DIMS or not array.dims or array.dtype.kind in "OUS":
            continue
        if set(array.dims) == set(DIMS):
            variables.append(str(name))
        elif array.dims == ("trajectory",):
            parameters.append(str(name))
        else:
            raise ValueError(
                f"{name!r} has dimensions ({', '.join(map(str, array.dims))}): {_needed()}. Leave "
                "out what is neither"
            )
        if array.dtype.kind not in "iuf":
            raise ValueError(f"{name!r} holds {array.dtype}: numbers are needed")
        bad = ~np.isfinite(array.values)
        if bad.any():
            first = zip(array.dims, np.argwhere(bad)[0], strict=True)
            where = ", ".join(f"{dim} {index}" for dim, index in first)
            raise ValueError(
                f"{name!r} is {array.values[bad][0]} at {where} (counted from 0) and "
                f"{bad.sum() - 1} more places: finite numbers are needed"
            )
    for found, what in ((variables, f"variable ({', '.join(DIMS)})"), (parameters, "parameter")):
        if not found:
            raise ValueError(f"there is no {what}: {_needed()}")
    return variables, parameters


def domain_of(dataset: xr.Dataset) -> Domain:
    """A globe if x and y are longitude and latitude, else a box."""
    units = {name: shown(dataset[name].attrs.get("units", "1")) for name in ("x", "y")}
    if units == {"x": "°E", "y": "°N"}:
        return Globe(_longitudes(dataset["x"]), _latitudes(dataset["y"]))
    return Box(_axis(dataset["x"]), _axis(dataset["y"]))


def even_times(dataset: xr.Dataset) -> tuple[np.ndarray, str]:
    """Times of the snapshots, (T,), and their units.

    Raises:
        ValueError: if they are not numbers or not evenly spaced.
    """
    time = dataset["time"]
    if time.dtype.kind not in "iuf":
        raise ValueError(
            f"time holds {time.dtype}: numbers are needed; open the file with decode_times=False"
        )
    points, _ = _even(time)
    units = str(time.attrs.get("units", "1")).split(" since ")[0]
    return points, next((u for u, names in TIMES.items() if units in names), units)


def _needed() -> str:
    return f"a variable has ({', '.join(DIMS)}), a parameter (trajectory)"


def _even(array: xr.DataArray) -> tuple[np.ndarray, float]:
    """Coordinates in double precision, and the step between them."""
    points = array.values.astype(float)
    step = (points[-1] - points[0]) / (len(points) - 1)
    if not step > 0 or not (np.abs(np.diff(points) - step) <= UNEVEN * step).all():
        raise ValueError(
            f"coordinates {array.name!r} are not evenly spaced from low to high: sort them "
            f"(dataset.sortby({array.name!r})) or interpolate them"
        )
    return points, step


def _axis(array: xr.DataArray) -> Axis:
    points, step = _even(array)
    attributes = array.attrs
    low = float(attributes.get("low", points[0] - step / 2))
    high = float(attributes.get("high", points[-1] + step / 2))
    periodic = bool(attributes.get("periodic", 0))
    off = abs(high - low - len(points) * step)
    if not periodic:
        off = max(off, abs(points[0] - low - step / 2))
    if off > len(points) * UNEVEN * step or not low <= points[0] <= points[-1] <= high:
        where = "equal steps" if periodic else "the middles of equal cells"
        raise ValueError(
            f"coordinates {array.name!r}, {len(points)} from {points[0]:g} to {points[-1]:g}, are "
            f"not {where} from low = {low:g} to high = {high:g}"
        )
    name = str(array.name)
    units = shown(attributes.get("units", "1"))
    return Axis(name, attributes.get("long_name", name), units, points, low, high, periodic)


def _longitudes(array: xr.DataArray) -> Axis:
    """Periodic if they go all the way round, from 0 or from −180."""
    points, step = _even(array)
    round_ = abs(len(points) * step - 360) <= UNEVEN * step * len(points)
    if not round_ or "low" in array.attrs:
        return _axis(array)
    low = 0.0 if points[0] >= 0 else -180.0
    return _axis(array.assign_attrs(low=low, high=low + 360, periodic=1))


def _latitudes(array: xr.DataArray) -> Axis:
    """Bounded by the poles, even with grid points on the poles."""
    points, step = _even(array)
    low, high = max(points[0] - step / 2, -90.0), min(points[-1] + step / 2, 90.0)
    long_name = array.attrs.get("long_name", "latitude")
    return Axis(str(array.name), long_name, "°N", points, low, high)
