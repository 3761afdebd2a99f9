"""The record of a twin experiment as one labelled dataset, by the conventions of CF."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ldensf_core.benchmarks import Benchmark, labels
from ldensf_core.conventions import conventional, described, position
from ldensf_core.twin.record import Record, record_cycle

if TYPE_CHECKING:
    from ldensf_core.twin.experiment import Cycle, TwinExperiment

SERIES = {
    "rel_rmse": ("error", "relative RMSE of the ensemble mean, fields normalised", "1"),
    "rel_spread": ("spread", "ensemble spread on the scale of rel_rmse", "1"),
    "cycle_ms": ("cycle_ms", "time of forecast and analysis together", "ms"),
    "forecast_ms": ("forecast_ms", "time of the forecast, where taken by itself", "ms"),
    "analysis_ms": ("analysis_ms", "time of the analysis, where taken by itself", "ms"),
    "decode_ms": ("decode_ms", "time of decoding mean and spread", "ms"),
}
"""By filter and time: the attribute of a ``Record``, what it is, and its units."""
SETTINGS = ("noise", "every", "members", "full_space_members", "seed", "missing", "rule")
"""Of an experiment, kept as attributes."""
MOMENTS = {"mean": "realization: mean", "spread": "realization: standard_deviation"}
"""Of the ensemble, in CF's words."""


def result_dataset(
    experiment: TwinExperiment,
    cycles: Iterable[Cycle],
    on_cycle: Callable[[], object] = lambda: None,
) -> xr.Dataset:
    """Everything about ``cycles``, ready for ``to_netcdf``: see ``run_dataset``.

    They are taken one by one, and let go with the ensembles that they hold.

    Args:
        cycles: of ``experiment``, from its first.
        on_cycle: called after each.
    """
    benchmark, names = experiment.benchmark, list(experiment.filters)
    shape = (len(experiment), len(benchmark.variables), *benchmark.grid_shape)
    truth = np.empty(shape, np.float32)
    mean, spread = np.empty((2, len(names), *shape), np.float32)
    records: dict[str, list[Record]] = {name: [] for name in names}
    observed: list[np.ndarray | None] = []
    for cycle in cycles:
        n = len(observed)
        truth[n] = cycle.truth
        for i, name in enumerate(names):
            record, mean[i, n], spread[i, n] = record_cycle(benchmark, cycle, name)
            records[name].append(record)
        observed.append(None if cycle.observation is None else cycle.observation.values.numpy())
        del cycle  # before the next is computed
        on_cycle()
    return run_dataset(
        benchmark,
        experiment.sensors.positions,
        experiment.true_parameters,
        records,
        observed,
        truth[: len(observed)],
        mean[:, : len(observed)],
        spread[:, : len(observed)],
        {
            "layout": experiment.sensors.layout,
            **{name: getattr(experiment, name) for name in SETTINGS},
            "device": str(experiment.device),
        },
    )


def run_dataset(
    benchmark: Benchmark,
    sensors: np.ndarray,
    true_parameters: np.ndarray,
    records: Mapping[str, Sequence[Record]],
    observed: Sequence[np.ndarray | None],
    truth: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """A run, or as much of it as there is, from what was recorded.

    For each variable ``v`` of the benchmark: ``v`` (time, y, x), the truth; ``v_mean`` and
    ``v_spread`` (filter, time, y, x), all without ``time`` where the fields are of one cycle
    alone; ``v_observed`` (time, sensor), NaN where nothing was measured. For each parameter
    ``p``: ``p`` (the true one) and ``p_ensemble`` (filter, time, member), NaN beyond a filter's
    ensemble. ``rel_rmse`` and ``rel_spread`` (filter, time) and the times of the three steps
    (filter, time), in ms. A filter that is behind has NaN for the cycles that it has not run.

    Args:
        sensors: positions, (n, 2).
        true_parameters: (P,).
        records: by filter, one a cycle that it has run; at least one.
        observed: values (n, V) of each cycle, None where nothing was measured.
        truth: (T, V, ny, nx), or (V, ny, nx) of one cycle.
        mean, spread: the same of each filter, (F, T, V, ny, nx) or (F, V, ny, nx).
        attributes: that say how it was made.
    """
    n_times = max(map(len, records.values()))
    fields = ("time", "y", "x")[4 - truth.ndim :]
    measured = _filled(
        [np.empty((0, 0)) if values is None else values for values in observed],
        (n_times, len(sensors), len(benchmark.variables)),
    )
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
    members = max(len(of_filter[0].parameters) for of_filter in records.values())
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
    axes = labels.coordinates(benchmark)
    axes["time"] = ("time", benchmark.times[:n_times], axes["time"][2])
    places = {
        f"sensor_{axis.name}": (
            "sensor",
            sensors[:, i],
            position(axis),
        )
        for i, axis in enumerate((benchmark.x, benchmark.y))
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
        xr.Dataset(data, axes | ensemble | places, {"benchmark": benchmark.name, **attributes}),
        f"{benchmark.title}: twin experiment",
        "a run of the solver, observed with noise and followed by filters",
    )


def _filled(rows: Sequence, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Rows of at most ``shape`` stacked, filled up with NaN."""
    table = np.full(shape, np.nan, dtype)
    for target, row in zip(table, rows, strict=False):
        row = np.asarray(row, dtype)
        target[tuple(slice(n) for n in row.shape)] = row
    return table
