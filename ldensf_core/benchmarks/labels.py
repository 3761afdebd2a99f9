"""The labelled edge: arrays of a benchmark as datasets with names, coordinates and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ldensf_core.conventions import conventional, described, grid_axis

if TYPE_CHECKING:
    from ldensf_core.benchmarks.base import Benchmark


@dataclass(frozen=True)
class Variable:
    """A field: its name, units, and its mean and standard deviation over the training runs.

    ``standard_name`` is that of the CF conventions, where they have one for it; ``symbol`` is how
    the variable is written, if not by its name.
    """

    name: str
    long_name: str
    units: str
    mean: float
    std: float
    standard_name: str = ""
    symbol: str = ""


def parameter_dataset(benchmark: Benchmark, values: np.ndarray) -> xr.Dataset:
    """Values (trajectory, P) or (P,) as a dataset with units."""
    dims = ("trajectory",) * (values.ndim - 1)
    return xr.Dataset(
        {
            p.name: (dims, values[..., i], described(p.long_name, p.units))
            for i, p in enumerate(benchmark.parameters)
        }
    )


def coordinates(benchmark: Benchmark) -> dict[str, tuple]:
    """The coordinates time, y and x with their units, in xarray's form."""
    x, y, units = benchmark.x, benchmark.y, benchmark.time_units
    return {
        "time": ("time", benchmark.times, described("time since the start", units)),
        **{name: (name, axis.points, grid_axis(axis)) for name, axis in (("y", y), ("x", x))},
    }


def field_dataset(
    benchmark: Benchmark, fields: np.ndarray, parameters: np.ndarray, source: str
) -> xr.Dataset:
    """Fields (B, T, V, ny, nx) with their parameters as a labelled dataset.

    With ``parameters`` of shape (P,) the batch axis, of length one, is dropped. ``source`` says
    what computed them.
    """
    if parameters.ndim == 1:
        fields = fields[0]
    dims = ("trajectory",) * (parameters.ndim - 1) + ("time", "y", "x")
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
