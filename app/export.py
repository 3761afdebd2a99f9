"""The run so far as one labelled dataset, for the export button."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import xarray as xr

from ldensf_app.view import View
from ldensf_core.twin.results import run_dataset


def view_dataset(view: View, benchmark: Any) -> xr.Dataset:
    """Numbers, observations and ensembles of every cycle so far, and the fields of the latest.

    It is made as ``TwinExperiment.run`` makes its own, where all fields of all cycles are to be
    had. A filter that is behind has NaN for the cycles that it has not run; ``latest`` says which
    cycle the fields of each filter are of.

    Raises:
        ValueError: if nothing has been computed yet.
    """
    history, lead = view.history(), view.lead
    if lead.setup is None or lead.truth is None or not history:
        raise ValueError("There is nothing to export yet: wait for the first cycle.")
    snapshots = {name: view.of(name) for name in history}
    mean, spread = (
        np.stack([getattr(s, kind)[name] for name, s in snapshots.items()])
        for kind in ("mean", "spread")
    )
    dataset = run_dataset(
        benchmark,
        lead.sensors,
        lead.true_parameters,
        history,
        max((s.observed for s in view.snapshots), key=len),
        lead.truth,
        mean,
        spread,
        {
            **lead.settings,
            "options": {
                name: options
                for s in view.snapshots
                for name, options in s.settings.get("options", {}).items()
            },
            "device": lead.device,
            "cycle": lead.index,
        },
    )
    indices = [s.index for s in snapshots.values()]
    return dataset.assign_coords(
        latest=("filter", indices, {"long_name": "cycle of the fields", "units": "1"})
    )


def netcdf(view: View, benchmark: Any) -> io.BytesIO:
    """``view_dataset`` as a netCDF file in memory: a full disk of the server does not matter."""
    return io.BytesIO(view_dataset(view, benchmark).to_netcdf(engine="h5netcdf"))
