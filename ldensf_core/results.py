"""The record of a twin experiment as one labelled dataset."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ldensf_core.verification.scores import relative_rmse, relative_spread

if TYPE_CHECKING:
    from ldensf_core.experiment import Cycle, TwinExperiment

TIMES = ("cycle_ms", "forecast_ms", "analysis_ms", "decode_ms")


def result_dataset(experiment: TwinExperiment, cycles: Iterable[Cycle]) -> xr.Dataset:
    """Everything about ``cycles``, ready for ``to_netcdf``.

    For each variable ``v`` of the benchmark: ``v`` (time, y, x), the truth; ``v_mean`` and
    ``v_spread`` (filter, time, y, x); ``v_observed`` (time, sensor), NaN where nothing was
    measured. For each parameter ``p``: ``p`` (the true one) and ``p_ensemble`` (filter, time,
    member), NaN beyond a filter's ensemble. ``rel_rmse`` and ``rel_spread`` (filter, time) and
    the times of the three steps (filter, time), in ms.
    """
    benchmark = experiment.benchmark
    cycles = list(cycles)
    names = list(experiment.filters)
    truth = np.stack([c.truth.numpy() for c in cycles])
    mean = _per_filter(cycles, names, lambda f: f.estimate.mean.cpu().numpy())
    spread = _per_filter(cycles, names, lambda f: f.estimate.spread.cpu().numpy())
    shape = (len(experiment.sensors), len(benchmark.variables))
    observed = np.stack(
        [
            np.full(shape, np.nan) if c.observation is None else c.observation.values.numpy()
            for c in cycles
        ]
    )
    data: dict[str, tuple] = {}
    for i, v in enumerate(benchmark.variables):
        units = {"units": v.units}
        data[v.name] = (
            ("time", "y", "x"),
            truth[:, i],
            {"long_name": v.long_name, **units},
        )
        for kind, values in (("mean", mean), ("spread", spread)):
            attributes = {"long_name": f"{v.long_name}, ensemble {kind}", **units}
            data[f"{v.name}_{kind}"] = (("filter", "time", "y", "x"), values[:, :, i], attributes)
        attributes = {"long_name": f"{v.long_name}, measured", **units}
        data[f"{v.name}_observed"] = (("time", "sensor"), observed[..., i], attributes)
    members = max(len(f.estimate.parameters) for f in cycles[0].filters.values())

    def padded(f) -> np.ndarray:
        draws = f.estimate.parameters.cpu().numpy()
        return np.pad(draws, ((0, members - len(draws)), (0, 0)), constant_values=np.nan)

    ensemble = _per_filter(cycles, names, padded)
    for i, p in enumerate(benchmark.parameters):
        attributes = {"long_name": p.long_name, "units": p.units}
        data[p.name] = ((), experiment.true_parameters[i], attributes)
        data[f"{p.name}_ensemble"] = (("filter", "time", "member"), ensemble[..., i], attributes)
    for name, score, part in (
        ("rel_rmse", relative_rmse, "mean"),
        ("rel_spread", relative_spread, "spread"),
    ):
        values = [
            [score(benchmark, getattr(c.filters[n].estimate, part).cpu(), c.truth) for c in cycles]
            for n in names
        ]
        data[name] = (("filter", "time"), values, {"long_name": f"{name} of normalised fields"})
    for name in TIMES:
        values = [[getattr(c.filters[n], name) for c in cycles] for n in names]
        attributes = {"long_name": name.removesuffix("_ms") + " time", "units": "ms"}
        data[name] = (("filter", "time"), values, attributes)
    coordinates = benchmark.coordinates() | {
        "time": (
            "time",
            [c.time for c in cycles],
            {"long_name": "time", "units": benchmark.time_units},
        ),
        "filter": ("filter", names),
        "sensor_x": ("sensor", experiment.sensors.positions[:, 0], {"units": benchmark.x.units}),
        "sensor_y": ("sensor", experiment.sensors.positions[:, 1], {"units": benchmark.y.units}),
    }
    settings = ("noise", "every", "members", "full_space_members", "seed", "missing", "rule")
    attributes = {name: getattr(experiment, name) for name in settings}
    return xr.Dataset(
        data,
        coordinates,
        {"benchmark": benchmark.name, "layout": experiment.sensors.layout, **attributes},
    )


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write beside the target and rename, so that a full disk leaves what was there.

    The file is made in memory first: HDF5 does not survive a failed write to disk.
    """
    contents = dataset.to_netcdf(engine="h5netcdf")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(contents)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _per_filter(cycles: list[Cycle], names: list[str], take) -> np.ndarray:
    """``take`` of every filter's cycles, stacked to (filter, time, ...)."""
    return np.stack([np.stack([take(c.filters[n]) for c in cycles]) for n in names])
