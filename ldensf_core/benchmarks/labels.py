"""Arrays of a benchmark as labelled datasets, with names, coordinates and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.conventions import conventional, described, grid_axis
from ldensf_core.domains import Axis

if TYPE_CHECKING:
    from ldensf_core.benchmarks.base import Benchmark


@dataclass(frozen=True)
class Variable:
    """A field: its name, units, and its mean and standard deviation over the training runs.

    ``standard_name``: of the CF conventions, if there is one. ``symbol``: how the variable is
    written, if not by its name.
    """

    name: str
    long_name: str
    units: str
    mean: float
    std: float
    standard_name: str = ""
    symbol: str = ""


DIMS = ("trajectory", "time", "y", "x")
"""Dimensions of the fields of many runs."""


def parameter_dataset(benchmark: Benchmark, values: np.ndarray) -> xr.Dataset:
    """Values (trajectory, P) or (P,) as a dataset with units."""
    dims = DIMS[:1] * (values.ndim - 1)
    return xr.Dataset(
        {
            p.name: (dims, values[..., i], described(p.long_name, p.units) | _bounds(p))
            for i, p in enumerate(benchmark.parameters)
        }
    )


def coordinates(benchmark: Benchmark) -> dict[str, tuple]:
    """The coordinates time, y and x with their units, in xarray's form."""
    x, y, units = benchmark.x, benchmark.y, benchmark.time_units
    return {
        "time": ("time", benchmark.times, described("time since the start", units)),
        **{
            axis.name: (
                axis.name,
                axis.points,
                grid_axis(axis) | _bounds(axis) | {"periodic": int(axis.periodic)},
            )
            for axis in (y, x)
        },
    }


def _bounds(of: Parameter | Axis) -> dict[str, float]:
    """Attributes that let a file be read back exactly, see ``dataset``."""
    return {"low": float(of.low), "high": float(of.high)}


def field_dataset(
    benchmark: Benchmark, fields: np.ndarray, parameters: np.ndarray, source: str
) -> xr.Dataset:
    """Fields (B, T, V, ny, nx) with their parameters as a labelled dataset.

    With ``parameters`` of shape (P,) the batch axis, of length one, is dropped. ``source``: what
    computed the fields.
    """
    if parameters.ndim == 1:
        fields = fields[0]
    dims = DIMS[:1] * (parameters.ndim - 1) + DIMS[1:]
    data = {
        v.name: (dims, fields[..., i, :, :], described(v.long_name, v.units, v.standard_name))
        for i, v in enumerate(benchmark.variables)
    }
    return conventional(
        xr.Dataset(data, coordinates(benchmark), {"benchmark": benchmark.name}).assign_coords(
            parameter_dataset(benchmark, parameters).data_vars
        ),
        benchmark.title,
        source,
    )
