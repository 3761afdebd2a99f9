"""Own measurements instead of simulated ones: a table, sorted into observations by snapshot.

xr.Dataset with one dimension, say ``report``, and for each report
    time       in the benchmark's time units; goes to the nearest snapshot
    x, y       position, in the benchmark's coordinates
    variable   name of what was measured
    value      in the variable's units; NaN: missing
    std        standard deviation of its error, in the same units
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import Observation, SensorNetwork

COLUMNS = ("time", "x", "y", "variable", "value", "std")


def own_observations(benchmark: Benchmark, table: xr.Dataset) -> dict[int, Observation]:
    """The observations in a table, by snapshot.

    Raises:
        ValueError: if a column is missing or not numeric, a time is more than half a step from
            every snapshot, a place is outside the domain, a variable is unknown, or the reports of
            one variable at one snapshot have different standard deviations.
    """
    if not isinstance(table, xr.Dataset) or any(name not in table for name in COLUMNS):
        there = sorted(map(str, table.variables)) if isinstance(table, xr.Dataset) else table
        raise ValueError(f"observations hold {there}: {', '.join(COLUMNS)} are needed")
    columns = {name: np.atleast_1d(table[name].values) for name in COLUMNS}
    if len({column.shape for column in columns.values()}) > 1 or columns["time"].ndim != 1:
        shapes = {name: column.shape for name, column in columns.items()}
        raise ValueError(f"observations have the shapes {shapes}: one dimension for all is needed")
    kept = ~np.isnan(_numbers(columns, "value"))
    names = {v.name: i for i, v in enumerate(benchmark.variables)}
    if unknown := sorted({str(v) for v in columns["variable"]} - set(names)):
        raise ValueError(f"observations of {unknown}: variables are {', '.join(names)}")
    snapshots = _snapshots(benchmark, _numbers(columns, "time"))
    places = np.stack([_numbers(columns, "x"), _numbers(columns, "y")], axis=1)
    which = np.array([names[str(v)] for v in columns["variable"]])
    values, std = _numbers(columns, "value"), _numbers(columns, "std")
    found = {}
    for index in np.unique(snapshots[kept]).tolist():
        of_it = kept & (snapshots == index)
        found[index] = _observation(
            benchmark, index, places[of_it], which[of_it], values[of_it], std[of_it]
        )
    return found


def _observation(
    benchmark: Benchmark,
    index: int,
    places: np.ndarray,
    which: np.ndarray,
    values: np.ndarray,
    std: np.ndarray,
) -> Observation:
    positions, sensor = np.unique(places, axis=0, return_inverse=True)
    table = np.full((len(positions), len(benchmark.variables)), np.nan, np.float32)
    errors = np.ones(len(benchmark.variables), np.float32)  # of a variable without a report
    for i in np.unique(which).tolist():
        of_one = std[which == i]
        if not (of_one == of_one[0]).all():
            raise ValueError(
                f"observations of {benchmark.variables[i].name} at snapshot {index} have standard "
                f"deviations from {of_one.min():g} to {of_one.max():g}: one is needed"
            )
        errors[i] = of_one[0]
    at = sensor.ravel(), which
    if len(np.unique(np.stack(at), axis=1).T) < len(which):
        raise ValueError(f"observations at snapshot {index}: a place reports a variable twice")
    table[at] = values
    sensors = SensorNetwork.at(benchmark, positions)
    return Observation(index, sensors, torch.as_tensor(table), torch.as_tensor(errors))


def _snapshots(benchmark: Benchmark, times: np.ndarray) -> np.ndarray:
    apart = np.abs(times[:, None] - benchmark.times)
    nearest = apart.argmin(axis=1)
    step = np.diff(benchmark.times).min() if benchmark.n_times > 1 else np.inf
    far = ~(apart.min(axis=1) <= step / 2)
    if far.any():
        raise ValueError(
            f"observations at time {times[far][0]:g} {benchmark.time_units}: snapshots are from "
            f"{benchmark.times[0]:g} to {benchmark.times[-1]:g}, {step:g} apart"
        )
    return nearest


def _numbers(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    if columns[name].dtype.kind not in "iuf":
        raise ValueError(f"observations: {name} is of {columns[name].dtype}; numbers are needed")
    return columns[name].astype(float)
