"""The run so far as one labelled dataset, for the export button."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from ldensf_app.race import View

SERIES = {
    "rel_rmse": ("error", "relative RMSE of the ensemble mean", "1"),
    "rel_spread": ("spread", "ensemble spread on the scale of rel_rmse", "1"),
    "forecast_ms": ("forecast_ms", "forecast time", "ms"),
    "analysis_ms": ("analysis_ms", "analysis time", "ms"),
    "decode_ms": ("decode_ms", "time of computing mean and spread", "ms"),
}


def run_dataset(view: View, benchmark: Any) -> xr.Dataset:
    """Numbers and parameter ensembles of every cycle so far, and the fields of the latest.

    Names are those of ``TwinExperiment.run``; there all fields of all cycles are to be had.
    A filter that is behind has NaN for the cycles that it has not run; ``latest`` says which
    cycle the fields of each filter are of.

    Raises:
        ValueError: if nothing has been computed yet.
    """
    history, lead = view.history(), view.lead
    if lead.setup is None or lead.truth is None or not history:
        raise ValueError("There is nothing to export yet: wait for the first cycle.")
    names = list(history)
    n_times = max(map(len, history.values()))
    snapshots = [view.of(name) for name in names]
    data: dict[str, Any] = {
        "latest": ("filter", [s.index for s in snapshots], {"long_name": "cycle of the fields"})
    }
    for key, (attribute, long_name, units) in SERIES.items():
        rows = [[getattr(r, attribute) for r in history[name]] for name in names]
        attributes = {"long_name": long_name, "units": units}
        data[key] = (("filter", "time"), _padded(rows, (n_times,)), attributes)
    members = max(len(records[0].parameters) for records in history.values())
    for i, p in enumerate(benchmark.parameters):
        rows = [_padded([r.parameters[:, i] for r in history[name]], (members,)) for name in names]
        data[p.name] = ((), lead.true_parameters[i], {"long_name": p.long_name, "units": p.units})
        data[f"{p.name}_ensemble"] = (
            ("filter", "time", "member"),
            _padded(rows, (n_times, members)),
            {"long_name": p.long_name, "units": p.units},
        )
    for i, v in enumerate(benchmark.variables):
        attributes = {"long_name": v.long_name, "units": v.units}
        data[v.name] = (("y", "x"), lead.truth[i], attributes | {"cycle": lead.index})
        for kind in ("mean", "spread"):
            fields = [getattr(s, kind)[n][i] for s, n in zip(snapshots, names, strict=True)]
            data[f"{v.name}_{kind}"] = (("filter", "y", "x"), np.stack(fields), attributes)
    axes = benchmark.coordinates()
    axes["time"] = ("time", benchmark.times[:n_times], axes["time"][2])
    sensors = {
        f"sensor_{axis.name}": ("sensor", lead.sensors[:, i], {"units": axis.units})
        for i, axis in enumerate((benchmark.x, benchmark.y))
    }
    attributes = {k: str(v) for k, v in asdict(lead.setup).items()}
    return xr.Dataset(
        data, axes | sensors | {"filter": names}, attributes | {"device": lead.device}
    )


def _padded(rows: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Rows of at most ``shape`` stacked, filled up with NaN."""
    table = np.full((len(rows), *shape), np.nan, np.float32)
    for target, row in zip(table, rows, strict=True):
        row = np.asarray(row, np.float32)
        target[tuple(slice(n) for n in row.shape)] = row
    return table


def netcdf(view: View, benchmark: Any) -> io.BytesIO:
    """``run_dataset`` as a netCDF file in memory: a full disk of the server does not matter."""
    return io.BytesIO(run_dataset(view, benchmark).to_netcdf(engine="h5netcdf"))
