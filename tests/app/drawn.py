"""Runs that the tests of figures and pictures draw: a real one, and made-up ones of other kinds."""

import itertools
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
import xarray as xr

from ldensf_core import Observation, SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.benchmarks import Axis
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.domains import Globe
from ldensf_core.observations import Innovation
from ldensf_core.twin.record import Record
from ldensf_core.twin.results import result_dataset, run_dataset

CYCLES = 4


@cache
def tsunami_run() -> xr.Dataset:
    """Two unknowns in a box; some sensors fail; the second filter is the first with 3 members."""
    benchmark = get_benchmark("tsunami")
    experiment = TwinExperiment(
        benchmark,
        {"ld-ensf": "ld-ensf", "ld-ensf@3": ("ld-ensf", {"members": 3}), "mine": "none"},
        sensors=SensorNetwork.grid(benchmark, 4, 4),
        every=2,
        missing=0.3,
        members=6,
        device="cpu",
    )
    cycles = itertools.islice(experiment, CYCLES)
    return result_dataset(experiment, list(experiment.filters), cycles, experiment.settings)


class Planet(SimpleNamespace):
    """A benchmark as far as the record of a run needs one: a small globe, one unknown."""

    __hash__ = object.__hash__


@cache
def globe_run(filters: tuple[str, ...] = ("letkf", "none"), seed: int = 0) -> xr.Dataset:
    """A made-up run on a globe, of which the last filter has run the first two cycles only.

    Times are in hours that are told as days; the variable keeps away from zero.
    """
    rng = np.random.default_rng(seed)
    east, north = np.arange(7.5, 360, 15), np.arange(-82.5, 90, 15)
    domain = Globe(
        Axis("x", "longitude", "°E", east, 0.0, 360.0, periodic=True),
        Axis("y", "latitude", "°N", north, -90.0, 90.0),
    )
    planet = Planet(
        name="planet",
        title="A planet",
        variables=(Variable("h", "height", "m", 8000.0, 100.0),),
        parameters=(Parameter("heat", "heating", "1", 0.0, 1.0),),
        domain=domain,
        x=domain.x,
        y=domain.y,
        times=240.0 + 8 * np.arange(10),
        time_units="h",
    )
    sensors = SensorNetwork(planet, np.array([[352.5, 7.5], [100.0, -40.0]]), "at")
    shape = CYCLES, 1, len(north), len(east)
    truth = 8000 + 100 * rng.standard_normal(shape)
    mean = truth + 20 * rng.standard_normal((len(filters), *shape))
    spread = rng.uniform(5, 30, (len(filters), *shape))
    mean[-1, 2:] = spread[-1, 2:] = np.nan

    def run(cycles: int) -> list[Record]:
        made: list[Record] = []
        for _ in range(cycles):
            error, spread_, ms = rng.uniform(0.05, 0.5, 3)
            new = Innovation((2,), tuple(rng.uniform(1, 6, 2)))
            members = rng.uniform(0.2, 0.8, (5, 1))
            latest = (*(made[-1].innovations if made else ()), new)
            times = ms, np.nan, np.nan, 1.0
            made.append(Record(error, spread_, *times, True, members, latest, None))
        return made

    lengths = [CYCLES] * (len(filters) - 1) + [2]
    records = {name: run(n) for name, n in zip(filters, lengths, strict=True)}
    observed = []
    for cycle in range(CYCLES):
        values = torch.as_tensor(8000 + 100 * rng.standard_normal((2, 1)), dtype=torch.float32)
        observed.append(Observation(cycle, sensors, values, torch.ones(1)))
    made_by = {"noise": 0.1, "members": 5, "seed": seed, "layout": "at"}
    fields = (f.astype(np.float32) for f in (truth, mean, spread))
    return run_dataset(planet, sensors, np.array([0.5]), records, observed, *fields, made_by)


def one_cycle(run: xr.Dataset, cycle: int = 2) -> xr.Dataset:
    """The same as the app exports it: fields of one cycle alone, of the last filter an older."""
    filters = run.sizes["filter"]
    names = [n for n in run.data_vars if {"time", "y", "x"} <= set(run[n].dims)]
    kept = run.assign({n: run[n].isel(time=cycle, drop=True) for n in names})
    latest = ("filter", [cycle] * (filters - 1) + [cycle - 1])
    return kept.assign_coords(latest=latest).assign_attrs(cycle=cycle)


def read_back(run: xr.Dataset, folder) -> xr.Dataset:
    """The same, written to a file and opened again."""
    run.to_netcdf(folder / "run.nc", engine="h5netcdf")
    return xr.open_dataset(folder / "run.nc", engine="h5netcdf")
