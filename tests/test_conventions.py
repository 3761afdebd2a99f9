"""Files are what CF asks for, as the compliance checker of IOOS and other readers see them."""

import itertools
import json
import sys
import time
from functools import partial

import netCDF4
import numpy as np
import pytest
import xarray as xr
from compliance_checker.runner import CheckSuite, ComplianceChecker

from ldensf_app.export import netcdf
from ldensf_app.race import Race
from ldensf_app.settings import Settings
from ldensf_app.view import View
from ldensf_core import TwinExperiment, get_benchmark
from ldensf_core.cli import main
from ldensf_core.conventions import described
from ldensf_core.twin.results import result_dataset
from ldensf_core.twin.truth import _trajectory
from ldensf_core.verification.sweep import verify

BENCHMARKS = ("tsunami", "kolmogorov", "atmosphere")
ARGUED = (
    # CF has no such rule. A time with this name has to be so long since a date, which a run has
    # not, and whoever opened it would be given dates.
    "Coordinate variable 'time' should have standard_name='time', found: 'None'",
    # CF 7.3 takes a standard name for an axis that has gone; the checker looks for axes alone.
    "cell_methods name component realization does not match",
    # CF recommends it, and does not ask for it. The same seed gives the same file; a file says
    # by its source and its settings what it came from.
    "§2.6.2 global attribute history should exist",
)
SHORT = 2
"""Snapshots of a run here."""


@pytest.fixture(autouse=True)
def quick_start(monkeypatch):
    """The first snapshot of each benchmark comes after one step on the way there."""
    for benchmark in map(get_benchmark, BENCHMARKS):
        spin_up = partial(_first_step, benchmark.spin_up)
        monkeypatch.setattr(benchmark, "spin_up", spin_up)
    _trajectory.cache_clear()  # else these truths would be shared with other tests
    yield
    _trajectory.cache_clear()


def _first_step(spin_up, parameters):
    return itertools.islice(spin_up(parameters), 1)


def complaints(path, folder):
    """What the checker has to say that is not argued above, of high and of middle priority."""
    report = folder / "report.json"
    CheckSuite.load_all_available_checkers()
    ComplianceChecker.run_checker(
        str(path), ["cf:1.11"], 0, "normal", output_filename=str(report), output_format="json"
    )
    found = json.loads(report.read_text())["cf:1.11"]
    assert found["possible_points"] > 20
    said = [
        message
        for check in found["high_priorities"] + found["medium_priorities"]
        for message in check["msgs"]
    ]
    return [message for message in said if not any(argued in message for argued in ARGUED)]


def app_file(path):
    """The export of an app in which the full-space filter is a cycle behind."""
    filters = ["none", "ensf"]
    setup = Settings(
        filters=filters,
        full_space_members=2,
        members=5,
        sensors=16,
    ).setup()
    workers = Race().workers
    for worker in workers:
        worker.reset(setup)
    workers[0].step()
    end = time.monotonic() + 60
    while [w.snapshot.index for w in workers] != [1, 0] and time.monotonic() < end:
        time.sleep(0.01)
    view = View(*(w.snapshot for w in workers))
    for worker in workers:
        worker.close()
        worker.join(timeout=30)
    path.write_bytes(netcdf(view, get_benchmark("tsunami")).getvalue())
    return path


def run_file(path, name="tsunami", filters=("ld-ensf", "none")):
    experiment = TwinExperiment(name, filters, members=3, every=2, missing=0.2, device="cpu")
    cycles = itertools.islice(experiment, SHORT)
    result_dataset(experiment, list(experiment.filters), cycles, experiment.settings).to_netcdf(
        path, engine="h5netcdf"
    )
    return path


@pytest.mark.parametrize("make", [run_file, app_file])
def test_the_checker_has_nothing_to_say(tmp_path, make):
    assert complaints(make(tmp_path / "file.nc"), tmp_path) == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_checker_has_nothing_to_say_of_simulations(monkeypatch, tmp_path, name):
    path, benchmark = tmp_path / "runs.nc", get_benchmark(name)
    monkeypatch.setattr(benchmark, "times", benchmark.times[:SHORT])
    command = ["ldensf", "simulate", name, "--n", "2", "--output", str(path), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code
    assert complaints(path, tmp_path) == []


def test_the_checker_has_nothing_to_say_of_sweeps(monkeypatch, tmp_path, tsunami):
    monkeypatch.setattr(tsunami, "times", tsunami.times[:SHORT])
    path = tmp_path / "sweep.nc"
    for sensors in ([100, 25], [36]):  # in no order, and added to
        layouts = ["random", "grid"]
        verify("tsunami", ["ensf"], 1, sensors, layouts, members=2, device="cpu", output=path)
    assert complaints(path, tmp_path) == []


def test_the_checker_would_say_something(tmp_path):
    path = run_file(tmp_path / "file.nc")
    with xr.open_dataset(path, engine="h5netcdf") as file:
        wrong = file.load()
    wrong["eta"].attrs["units"] = "fathoms per °E"
    wrong.to_netcdf(tmp_path / "wrong.nc", engine="h5netcdf")
    assert complaints(tmp_path / "wrong.nc", tmp_path)


def test_another_reader_finds_names_units_and_coordinates(tmp_path):
    with netCDF4.Dataset(run_file(tmp_path / "file.nc")) as file:
        assert file.Conventions == "CF-1.11" and file.source.startswith("ldensf")
        assert file["u_mean"].units == "m s-1" and file["forecast_ms"].units == "ms"
        assert file["eta"].standard_name == "sea_surface_height_above_mean_sea_level"
        assert file["eta_spread"].cell_methods == "realization: standard_deviation"
        assert file["eta_observed"].coordinates.split() == ["sensor_x", "sensor_y"]
        assert file["eta_mean"].coordinates == "filter"
        assert list(file["filter"][:]) == ["ld-ensf", "none"]
        assert (file["x"].axis, file["y"].axis) == ("X", "Y")
        assert file["member"].standard_name == "realization"
        assert np.ma.count(file["eta"][:]) == SHORT * 150 * 150
        kinds = {type(file.getncattr(name)) for name in file.ncattrs()}
        assert kinds <= {str, np.int64, np.float64}


def test_places_on_the_globe_have_their_names(tmp_path):
    with netCDF4.Dataset(run_file(tmp_path / "file.nc", "atmosphere", ["ld-ensf"])) as file:
        names = "longitude", "latitude", "longitude", "latitude"
        axes = "x", "y", "sensor_x", "sensor_y"
        assert tuple(file[axis].standard_name for axis in axes) == names
        assert (file["x"].units, file["sensor_y"].units) == ("degrees_east", "degrees_north")
        assert file["u_mean"].standard_name == "eastward_wind"


def test_times_are_numbers_for_those_who_open_the_file(tmp_path):
    path = run_file(tmp_path / "file.nc")
    with xr.open_dataset(path, engine="h5netcdf") as run:
        assert run.time.dtype == np.float64 and run.time.units == "h"
        assert run.forecast_ms.dtype == np.float64
        assert run.rel_rmse.sel(filter="none").notnull().all()


def test_a_filter_that_is_behind_has_nothing_there(tmp_path):
    with xr.open_dataset(app_file(tmp_path / "file.nc"), engine="h5netcdf") as run:
        assert dict(run.sizes).items() > {"time": 2, "filter": 2, "sensor": 16}.items()
        ahead, behind = run.sel(filter="none"), run.sel(filter="ensf")
        assert ahead.rel_rmse.notnull().all()
        assert behind.rel_rmse.isnull().values.tolist() == [False, True]
        assert behind.source_x_ensemble.isnull().all("member").values.tolist() == [False, True]
        assert (int(ahead.latest), int(behind.latest), run.attrs["cycle"]) == (1, 0, 1)
        assert run.eta_mean.dims == ("filter", "time", "y", "x")
        assert ahead.eta_mean.notnull().all() and behind.eta_mean[0].notnull().all()
        assert behind.eta_mean[1].isnull().all()


def test_the_export_holds_the_observations_of_the_library(tmp_path):
    setup = Settings(filters=["none", "ensf"], sensors=16).setup()
    experiment = setup.experiment("latent")
    with xr.open_dataset(app_file(tmp_path / "file.nc"), engine="h5netcdf") as run:
        observed = np.stack([run[f"{v}_observed"] for v in ("u", "v", "eta")], axis=-1)
        for index in range(SHORT):
            assert np.array_equal(observed[index], experiment.observation(index).values)


def test_library_and_app_write_the_same_names(tmp_path):
    paths = run_file(tmp_path / "run.nc"), app_file(tmp_path / "app.nc")
    run, app = (xr.open_dataset(path, engine="h5netcdf") for path in paths)
    assert set(app.variables) == {*run.variables, "latest"}
    assert set(app.attrs) == {*run.attrs, "cycle", "sensors"}
    assert {n: app[n].attrs for n in run.variables} == {n: run[n].attrs for n in run.variables}
    run.close(), app.close()


def test_units_are_those_of_udunits():
    shown = itertools.chain.from_iterable(
        (b.x.units, b.y.units, b.time_units, *(v.units for v in (*b.variables, *b.parameters)))
        for b in map(get_benchmark, BENCHMARKS)
    )
    expected = {"m/s": "m s-1", "m/h": "m h-1", "10°": "dekadegree", "°E": "degrees_east"}
    expected |= {"°N": "degrees_north", "m": "m", "km": "km", "h": "h", "1": "1"}
    assert {units: described("", units)["units"] for units in shown} == expected
