"""The run so far as one labelled dataset, for the export button."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ldensf_app.frames import coarsening, reduced
from ldensf_app.snapshot import Snapshot
from ldensf_app.view import View
from ldensf_core.benchmarks import Benchmark
from ldensf_core.benchmarks.model_errors import altered
from ldensf_core.twin.results import run_dataset


def view_dataset(view: View, benchmark: Benchmark) -> xr.Dataset:
    """Everything of every cycle so far, as ``TwinExperiment.run`` has it.

    Fields are those of the frames, of the latest cycle of each filter in full precision; of a
    large grid they are the means that the page draws, at the means of the coordinates. A filter
    that is behind has NaN for the cycles that it has not run; ``latest`` is its latest cycle.

    Raises:
        ValueError: if nothing has been computed yet.
    """
    history = view.history()
    ahead = max(view.snapshots, key=lambda s: len(s.records))
    if not history:
        raise ValueError("There is nothing to export yet: wait for the first cycle.")
    drawn = as_drawn(benchmark)
    shape = len(ahead.records), len(benchmark.variables), *drawn.grid_shape
    snapshots = {name: view.of(name) for name in history}
    truth = np.empty(shape, np.float32)
    fill(truth, ahead, ("truth", ""), ahead.truth)
    mean, spread = np.empty((2, len(history), *shape), np.float32)
    for i, (name, s) in enumerate(snapshots.items()):
        fill(mean[i], s, ("mean", name), s.mean[name])
        fill(spread[i], s, ("spread", name), s.spread[name])
    dataset = run_dataset(
        drawn,
        ahead.networks[0],
        ahead.true_parameters,
        history,
        ahead.observed,
        truth,
        mean,
        spread,
        attributes(view, ahead),
    )
    indices = [s.index for s in snapshots.values()]
    return dataset.assign_coords(
        latest=("filter", indices, {"long_name": "latest cycle, in full precision", "units": "1"})
    )


def fill(fields: np.ndarray, snapshot: Snapshot, key: tuple[str, str], latest: np.ndarray) -> None:
    """Write those of all cycles into ``fields`` (T, V, ny, nx): NaN where there are none yet.

    Args:
        key: of the frames.
        latest: that of the latest cycle in full, (V, ny, nx).
    """
    for of_cycle, frames in zip(fields, snapshot.frames, strict=False):
        for variable, of_variable in enumerate(of_cycle):
            of_variable[...] = frames[key].unpack(variable)
    fields[snapshot.index] = reduced(latest)
    fields[snapshot.index + 1 :] = np.nan


def attributes(view: View, ahead: Snapshot) -> Mapping[str, Any]:
    """How the run was made, its changes included: as ``TwinExperiment.settings`` says it."""
    options = {
        name: of_one
        for s in view.snapshots
        for name, of_one in s.settings.get("options", {}).items()
    }
    own = {"options": options, "device": ahead.device, "cycle": ahead.index}
    return {"sensors": len(ahead.networks[0]), **ahead.settings, **own}


def as_drawn(benchmark: Benchmark) -> Benchmark:
    """The benchmark, or where its grid is large another with the grid that the page draws."""
    side = coarsening(*benchmark.grid_shape)
    if side == 1:
        return benchmark
    x, y = (axis.coarser(side) for axis in (benchmark.x, benchmark.y))
    return altered(benchmark, domain=replace(benchmark.domain, x=x, y=y))


def netcdf(view: View, benchmark: Benchmark) -> io.BytesIO:
    """``view_dataset`` as a netCDF file in memory: a full disk of the server does not matter.

    Raises:
        ValueError: if nothing has been computed yet, or there is too little memory for the file.
    """
    try:
        return io.BytesIO(view_dataset(view, benchmark).to_netcdf(engine="h5netcdf"))
    except MemoryError as error:
        raise ValueError(
            "The server has too little memory for this file: close other pages and press Export "
            "again, or make a shorter run."
        ) from error
