"""The record of a twin experiment as one labelled dataset, by the conventions of CF."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ldensf_core.benchmarks import Benchmark, labels
from ldensf_core.conventions import conventional, described, position
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.observations.innovation import WINDOW, disagreement, normalised_square
from ldensf_core.twin.follow import Cycle
from ldensf_core.twin.record import Record, record_cycle
from ldensf_core.twin.twin import Twin

SERIES = {
    "rel_rmse": ("error", "relative RMSE of the ensemble mean, fields normalised", "1"),
    "rel_spread": ("spread", "ensemble spread on the scale of rel_rmse", "1"),
    "cycle_ms": ("cycle_ms", "time of forecast and analysis together", "ms"),
    "forecast_ms": ("forecast_ms", "time of the forecast, where taken by itself", "ms"),
    "analysis_ms": ("analysis_ms", "time of the analysis, where taken by itself", "ms"),
    "decode_ms": ("decode_ms", "time of decoding mean and spread", "ms"),
}
"""By filter and time: the attribute of a ``Record``, what it is, and its units."""
MOMENTS = {"mean": "realization: mean", "spread": "realization: standard_deviation"}
"""Cell methods of CF for mean and spread."""


def result_dataset(
    twin: Twin,
    labels: Sequence[str],
    cycles: Iterable[Cycle],
    attributes: Mapping[str, Any],
    on_cycle: Callable[[], object] = lambda: None,
) -> xr.Dataset:
    """Everything about ``cycles``, ready for ``to_netcdf``: see ``run_dataset``.

    Only one cycle with its ensembles is in memory at a time.

    Args:
        labels: of the filters. ``cycles``: those of ``twin``, from the first on.
        on_cycle: called after each.
    """
    benchmark = twin.benchmark
    shape = (len(twin), len(benchmark.variables), *benchmark.grid_shape)
    truth = np.empty(shape, np.float32)
    mean, spread = np.empty((2, len(labels), *shape), np.float32)
    records: dict[str, list[Record]] = {label: [] for label in labels}
    observed: list[Observation | None] = []
    for cycle in cycles:
        n = len(observed)
        truth[n] = cycle.truth
        for i, label in enumerate(labels):
            of_it = records[label]
            before = of_it[-1] if of_it else None
            record, mean[i, n], spread[i, n] = record_cycle(benchmark, cycle, label, before)
            of_it.append(record)
        observed.append(cycle.observation)
        del cycle  # frees its ensembles before the next is computed
        on_cycle()
    return run_dataset(
        benchmark,
        twin.sensors,
        twin.true_parameters,
        records,
        observed,
        truth[: len(observed)],
        mean[:, : len(observed)],
        spread[:, : len(observed)],
        attributes,
    )


def run_dataset(
    benchmark: Benchmark,
    sensors: SensorNetwork,
    true_parameters: np.ndarray,
    records: Mapping[str, Sequence[Record]],
    observed: Sequence[Observation | None],
    truth: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """A run, complete or not, as a dataset of its records.

    For each variable ``v`` of the benchmark: ``v`` (time, y, x), the truth; ``v_mean`` and
    ``v_spread`` (filter, time, y, x), all without ``time`` if the fields are of one cycle;
    ``v_observed`` (time, sensor), NaN where nothing was measured. For each parameter ``p``: ``p``
    (the true one) and ``p_ensemble`` (filter, time, member), NaN for members that a filter does
    not have at that time. ``rel_rmse`` and ``rel_spread`` (filter, time) and the times of the three
    steps (filter, time), in ms. ``chi2`` and ``v_chi2`` (filter, time): χ²/n of the latest
    innovations, of all variables and of each (see ``innovation``); ``disagrees`` (filter, time): 1
    where the observations disagree with the filter's model, 0 where not, NaN for filters that do
    not judge. Cycles that a filter has not run yet are NaN.

    Args:
        sensors: of the first snapshot; sensors of later ones are added after them.
        true_parameters: (P,).
        records: by filter, one for each cycle that it has run; at least one.
        observed: the observation of each cycle, or None.
        truth: (T, V, ny, nx), or (V, ny, nx) for one cycle.
        mean, spread: of each filter, (F, T, V, ny, nx) or (F, V, ny, nx).
        attributes: how the run was made; anything but text and numbers is stored as JSON.
    """
    n_times = max(map(len, records.values()))
    fields = ("time", "y", "x")[4 - truth.ndim :]
    places, measured = _measured(sensors, observed, (n_times, len(benchmark.variables)))
    data: dict[str, tuple] = {}
    for i, v in enumerate(benchmark.variables):
        cf = v.units, v.standard_name
        data[v.name] = (fields, truth[..., i, :, :], described(v.long_name, *cf))
        for (kind, methods), values in zip(MOMENTS.items(), (mean, spread), strict=True):
            data[f"{v.name}_{kind}"] = (
                ("filter", *fields),
                values[..., i, :, :],
                described(f"{v.long_name}, ensemble {kind}", *cf, cell_methods=methods),
            )
        data[f"{v.name}_observed"] = (
            ("time", "sensor"),
            measured[..., i],
            described(f"{v.long_name}, measured", *cf),
        )
    members = max(len(r.parameters) for rs in records.values() for r in rs)
    shape = n_times, members, len(benchmark.parameters)
    draws = [_filled([r.parameters for r in rs], shape) for rs in records.values()]
    for i, p in enumerate(benchmark.parameters):
        data[p.name] = ((), true_parameters[i], described(p.long_name, p.units))
        data[f"{p.name}_ensemble"] = (
            ("filter", "time", "member"),
            np.stack(draws)[..., i],
            described(f"{p.long_name}, ensemble", p.units),
        )
    for name, (attribute, long_name, units) in SERIES.items():
        rows = [[getattr(r, attribute) for r in rs] for rs in records.values()]
        data[name] = (
            ("filter", "time"),
            _filled(rows, (len(records), n_times), np.float64),
            described(long_name, units),
        )
    data |= _innovations(benchmark, records, n_times)
    axes = labels.coordinates(benchmark)
    axes["time"] = ("time", benchmark.times[:n_times], axes["time"][2])
    columns = {
        f"sensor_{axis.name}": ("sensor", places[:, i], position(axis))
        for i, axis in enumerate((benchmark.x, benchmark.y))
    }
    kept = {
        name: value if isinstance(value, str | int | float) else json.dumps(value, default=float)
        for name, value in attributes.items()
    }
    ensemble = {
        "filter": ("filter", list(records), {"long_name": "filter"}),
        "member": (
            "member",
            np.arange(members),
            described("member of the ensemble", standard_name="realization"),
        ),
    }
    return conventional(
        xr.Dataset(data, axes | ensemble | columns, {"benchmark": benchmark.name, **kept}),
        f"{benchmark.title}: twin experiment",
        "a run of the solver, observed with noise and followed by filters",
    )


def _innovations(
    benchmark: Benchmark, records: Mapping[str, Sequence[Record]], n_times: int
) -> dict[str, tuple]:
    """χ²/n by filter and time, and where it is too large."""
    shape = len(records), n_times

    def series(variable: int | None = None) -> np.ndarray:
        rows = [[normalised_square(r.innovations, variable) for r in rs] for rs in records.values()]
        return _filled(rows, shape, np.float64)

    told = f"squared innovations over their expected size, latest {WINDOW} observations"
    data = {"chi2": (("filter", "time"), series(), described(told, "1"))}
    for i, v in enumerate(benchmark.variables):
        of_one = described(f"{v.long_name}, {told}", "1")
        data[f"{v.name}_chi2"] = (("filter", "time"), series(i), of_one)
    flags = [
        [
            math.nan if r.limit is None else disagreement(r.innovations, r.limit) is not None
            for r in rs
        ]
        for rs in records.values()
    ]
    data["disagrees"] = (
        ("filter", "time"),
        _filled(flags, shape),
        described("1 where the observations disagree with the filter's model, else 0", "1"),
    )
    return data


def _measured(
    sensors: SensorNetwork, observed: Sequence[Observation | None], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """All places, (n, 2), and their measurements, (T, n, V), NaN where there is none."""
    row: dict[tuple[float, float, int], int] = {}  # (x, y, earlier sensors there)
    networks = [sensors, *(o.sensors for o in observed if o is not None)]
    rows = {network: _rows(network, row) for network in dict.fromkeys(networks)}
    table = np.full((shape[0], len(row), shape[1]), np.nan, np.float32)
    for target, observation in zip(table, observed, strict=False):
        if observation is not None:
            target[rows[observation.sensors]] = observation.values.cpu().numpy()
    return np.array([place[:2] for place in row]), table


def _rows(network: SensorNetwork, row: dict[tuple[float, float, int], int]) -> list[int]:
    """The row of each sensor; new places get new rows. Sensors may share a place."""
    seen: Counter[tuple[float, float]] = Counter()
    found = []
    for x, y in network.positions.tolist():
        found.append(row.setdefault((x, y, seen[x, y]), len(row)))
        seen[x, y] += 1
    return found


def _filled(rows: Sequence, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Rows stacked into an array of ``shape``, padded with NaN."""
    table = np.full(shape, np.nan, dtype)
    for target, row in zip(table, rows, strict=False):
        row = np.asarray(row, dtype)
        target[tuple(slice(n) for n in row.shape)] = row
    return table
