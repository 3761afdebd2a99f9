import copy
import pickle
import sys

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core import DatasetBenchmark, SensorNetwork, get_benchmark
from ldensf_core.benchmarks import Box, Globe, Tsunami
from ldensf_core.cli import main
from ldensf_core.filters.full_space import prior_ensemble

RUNS, TIMES, NY, NX = 12, 5, 16, 24


def advection(runs=RUNS):
    """A bump of 1 m that goes round along x, with another start and speed in each run."""
    rng = np.random.default_rng(0)
    start, speed = rng.uniform(4, 12, runs), rng.uniform(0.5, 1.0, runs)
    time, y, x = np.arange(float(TIMES)), np.arange(NY) + 0.5, np.arange(NX) + 0.5
    middle = start[:, None] + speed[:, None] * time
    away = (x - middle[..., None] + NX / 2) % NX - NX / 2
    height = np.repeat(np.exp(-0.5 * (away / 3) ** 2)[:, :, None], NY, axis=2)
    fields = ("trajectory", "time", "y", "x")
    side = {"units": "km", "periodic": 1}
    return xr.Dataset(
        {
            "height": (fields, height, {"units": "m", "long_name": "height of the bump"}),
            "start": ("trajectory", start, {"units": "km", "low": 4.0, "high": 12.0}),
            "speed": ("trajectory", speed, {"units": "km h-1"}),
        },
        {"time": ("time", time, {"units": "hours"}), "y": ("y", y, side), "x": ("x", x, side)},
        {"title": "A bump"},
    )


def around(longitudes, latitudes):
    """The same numbers on other coordinates, of longitude and latitude."""
    x, y = (
        ("x", longitudes, {"units": "degrees_east"}),
        ("y", latitudes, {"units": "degrees_north"}),
    )
    return advection().assign_coords(x=x, y=y)


@pytest.fixture(scope="module")
def data():
    return advection()


@pytest.fixture
def bump(data):
    return DatasetBenchmark(data)


@pytest.fixture
def path(data, tmp_path):
    data.to_netcdf(tmp_path / "runs.nc")
    return tmp_path / "runs.nc"


# -- what is read -------------------------------------------------------------------------


def test_names_units_and_bounds(bump, data):
    assert (bump.name, bump.title) == ("dataset", "A bump")
    (height,) = bump.variables
    assert (height.name, height.long_name, height.units) == ("height", "height of the bump", "m")
    start, speed = bump.parameters
    assert (start.name, start.units, start.low, start.high) == ("start", "km", 4.0, 12.0)
    assert (speed.low, speed.high) == (data.speed.min(), data.speed.max())
    assert isinstance(bump.domain, Box) and bump.grid_shape == (NY, NX)
    assert (bump.x.low, bump.x.high, bump.x.periodic) == (0.0, NX, True)
    assert bump.time_units == "h" and bump.times.tolist() == [0, 1, 2, 3, 4]
    assert not bump.has_solver


def test_scales_are_those_of_the_training_runs(bump, data):
    learned = data.height[:8]
    assert bump.variables[0].mean == pytest.approx(float(learned.mean()), rel=1e-5)
    assert bump.variables[0].std == pytest.approx(float(learned.std()), rel=1e-5)


def test_dimensions_may_come_in_any_order(data, bump):
    turned = DatasetBenchmark(data.transpose("x", "y", "time", "trajectory"))
    parameters = bump.split("test")
    assert turned.simulate(parameters).equals(bump.simulate(parameters))


def test_parameters_may_be_coordinates_and_labels_are_passed_over(data, bump):
    other = data.set_coords(["start", "speed"])
    other = other.assign_coords(trajectory=range(RUNS), crs=0).assign(
        label=("trajectory", [f"run {i}" for i in range(RUNS)])
    )
    assert DatasetBenchmark(other).parameters == bump.parameters


def test_walls_are_the_default(data):
    for axis in "xy":
        data = data.assign_coords({axis: data[axis].assign_attrs(periodic=0)})
    bump = DatasetBenchmark(data)
    assert not bump.x.periodic and (bump.y.low, bump.y.high) == (0.0, NY)
    assert bump.basis(50).count == 50


def test_longitudes_all_round_and_latitudes_make_a_globe():
    globe = DatasetBenchmark(around(np.arange(24) * 15.0, np.arange(16) * 12.0 - 90))
    assert isinstance(globe.domain, Globe)
    assert (globe.x.low, globe.x.high, globe.x.periodic) == (0.0, 360.0, True)
    assert (globe.y.low, globe.y.high) == (-90.0, 90.0)
    west = DatasetBenchmark(around(np.arange(24) * 15.0 - 172.5, np.arange(16) * 5.0))
    assert (west.x.low, west.x.high, west.x.periodic) == (-180.0, 180.0, True)
    assert (west.y.low, west.y.high) == (-2.5, 77.5)


def test_part_of_the_globe_has_ends():
    part = DatasetBenchmark(around(np.arange(24) + 10.0, np.arange(16) + 40.0))
    assert isinstance(part.domain, Globe) and not part.x.periodic
    assert (part.x.low, part.x.high) == (9.5, 33.5)


# -- runs ---------------------------------------------------------------------------------


def test_splits_are_the_runs_in_order(bump, data):
    parts = [bump.split(name) for name in ("train", "validation", "test")]
    assert [part.sizes["trajectory"] for part in parts] == [8, 2, 2]
    assert np.array_equal(np.concatenate([part.start for part in parts]), data.start)
    with pytest.raises(ValueError, match="'trian' is unknown; there are train, validation, test"):
        bump.split("trian")


def test_runs_are_given_back_as_they_are(bump, data):
    runs = bump.simulate(bump.split("validation"))
    assert np.array_equal(runs.height, data.height[8:10].astype(np.float32))
    assert runs.height.attrs["units"] == "m" and runs.title == "A bump"
    one = bump.simulate({"start": float(data.start[3]), "speed": float(data.speed[3])})
    assert np.array_equal(one.height, data.height[3].astype(np.float32))


def test_parameters_in_single_precision_find_their_run(bump, data):
    unit = bump.unit_parameters(torch.as_tensor(bump.values, dtype=torch.float32))
    fields = bump.trajectories(bump.physical_parameters(unit))
    assert np.array_equal(fields[:, :, 0], data.height.astype(np.float32))


def test_other_parameters_are_refused_with_the_nearest_run(bump, data):
    with pytest.raises(
        ValueError,
        match=r"start = 8 km, speed = 0.75 km h-1 is none of the 12 runs \(the nearest: start = .*"
        "dataset has no solver, so full-space filters cannot run: choose latent filters",
    ):
        bump.simulate({"start": 8.0, "speed": 0.75})
    with pytest.raises(ValueError, match="allowed is 4 to 12"):
        bump.simulate({"start": 13.0, "speed": 0.75})


def test_truths_are_test_runs_by_the_seed(bump):
    held_out = set(bump.split("test").start.values)
    drawn = [float(bump.sample_truth(seed).start) for seed in range(20)]
    assert set(drawn) == held_out
    assert drawn == [float(bump.sample_truth(seed).start) for seed in range(20)]
    with pytest.raises(ValueError, match="seed = -1"):
        bump.sample_truth(-1)


def test_truths_of_a_solver_are_draws_from_the_prior():
    basin = Tsunami(12)
    draw = basin.sample_parameters(1, seed=5).isel(trajectory=0)
    assert basin.sample_truth(5).identical(draw)


def test_filters_that_run_the_solver_are_refused(path):
    bench = get_benchmark(str(path))
    members = prior_ensemble(bench, 4, 0, torch.float32, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"runs\.nc has no solver, so full-space filters"):
        members.members()
    with pytest.raises(ValueError, match=r"runs\.nc has no solver.*choose latent filters"):
        bench.corrected(torch.zeros(1, 2), torch.zeros(1, 1, NY, NX))


# -- files --------------------------------------------------------------------------------


def test_a_file_is_opened_by_its_path_and_read_again_when_it_has_changed(path, data):
    bench = get_benchmark(str(path))
    assert bench.name == "runs" and bench.weights == path.with_suffix("")
    assert get_benchmark(str(path)) is bench
    data.isel(trajectory=slice(5)).to_netcdf(path)
    assert len(get_benchmark(str(path)).values) == 5


@pytest.mark.parametrize(
    "journey", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_an_open_file_travels_by_its_path(path, journey):
    bench = get_benchmark(str(path))
    assert journey(bench) is bench
    assert len(pickle.dumps(bench)) < 500


def test_data_in_memory_travel_by_value(bump):
    other = copy.deepcopy(bump)
    assert other is not bump
    assert other.simulate(bump.split("test")).equals(bump.simulate(bump.split("test")))


def test_what_simulate_writes_is_read_back(tmp_path, monkeypatch):
    basin = Tsunami(12)
    monkeypatch.setattr("ldensf_core.cli.get_benchmark", lambda name: basin)
    path = tmp_path / "tsunami.nc"
    command = ["ldensf", "simulate", "tsunami", "--n", "3", "--output", str(path)]
    monkeypatch.setattr(sys, "argv", [*command, "--device", "cpu"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code
    back = DatasetBenchmark.open(path)
    assert back.parameters == basin.parameters and back.title == basin.title
    assert np.array_equal(back.times, basin.times) and back.time_units == basin.time_units
    for ours, theirs in ((back.x, basin.x), (back.y, basin.y)):
        assert np.array_equal(ours.points, theirs.points)
        for name in ("name", "long_name", "units", "low", "high", "periodic"):
            assert getattr(ours, name) == getattr(theirs, name)
    told = [(v.name, v.long_name, v.units, v.standard_name) for v in back.variables]
    assert told == [(v.name, v.long_name, v.units, v.standard_name) for v in basin.variables]
    draws = basin.sample_parameters(3, seed=0)
    assert np.array_equal(back.simulate(draws).eta, basin.simulate(draws).eta)
    assert len(SensorNetwork.place(back, 9, "grid")) == 9


def test_what_is_no_netcdf_file_is_named(tmp_path):
    (tmp_path / "text.nc").write_text("runs")
    with pytest.raises(ValueError, match=r"text\.nc' cannot be read as netCDF"):
        get_benchmark(str(tmp_path / "text.nc"))
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.nc"):
        get_benchmark(str(tmp_path / "none.nc"))


# -- what is wrong is named ---------------------------------------------------------------


def with_nan(data):
    data["height"][3, 1, 2, 0] = np.nan
    return data


def uneven(data, name):
    points = data[name].values.copy()
    points[2] += 0.3
    return data.assign_coords({name: (name, points, data[name].attrs)})


def changed(data, name, **attributes):
    return data.assign_coords({name: data[name].assign_attrs(attributes)})


def same_twice(data):
    for name in ("start", "speed"):
        data[name][1] = data[name][0]
    return data


@pytest.mark.parametrize(
    "change, message",
    [
        (with_nan, "'height' is nan at trajectory 3, time 1, y 2, x 0 .counted from 0."),
        (lambda d: d.assign(speed=d.speed.where(d.speed < 0.9)), "'speed' is nan at trajectory"),
        (
            lambda d: d.rename(trajectory="run"),
            "there is no dimension 'trajectory': a",
        ),
        (lambda d: d.isel(time=0), "there is no dimension 'time'"),
        (lambda d: d.drop_vars("x"), "there are no coordinates 'x'"),
        (lambda d: d.isel(trajectory=slice(2)), "'trajectory' has length 2: at least 3 are needed"),
        (lambda d: d.drop_vars(["start", "speed"]), "there is no parameter: a variable has"),
        (lambda d: d.drop_vars("height"), "there is no dimension 'time'|there is no variable"),
        (
            lambda d: d.assign(depth=(("y", "x"), np.ones((NY, NX)))),
            r"'depth' has dimensions \(y, x\)",
        ),
        (lambda d: d.assign(wet=d.height > 0), "'wet' holds bool: numbers are needed"),
        (lambda d: d.assign(speed=0 * d.speed + 2), "parameter 'speed' is 2 in all runs: leave it"),
        (
            lambda d: d.assign(flat=0 * d.height + 3),
            "variable 'flat' is 3 everywhere: leave",
        ),
        (same_twice, "two runs have the same parameters .start, speed."),
        (lambda d: uneven(d, "x"), "coordinates 'x' are not evenly spaced"),
        (lambda d: uneven(d, "time"), "coordinates 'time' are not evenly spaced"),
        (lambda d: d.sortby("y", ascending=False), r"sort them \(dataset.sortby\('y'\)\)"),
        (lambda d: changed(d, "x", high=30.0), "not equal steps from low = 0 to high = 30"),
        (
            lambda d: changed(d, "x", low=0.5, high=23.5, periodic=0),
            "not the middles of equal cells from low = 0.5 to high = 23.5",
        ),
        (
            lambda d: d.assign(start=d.start.assign_attrs(high=6.0)),
            "parameter 'start' goes from .* beyond its bounds low = 4 and high = 6",
        ),
        (
            lambda d: d.assign_coords(time=np.datetime64("2000-01-01") + np.arange(TIMES)),
            "time holds datetime64.*decode_times=False",
        ),
    ],
)
def test_what_cannot_be_used_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        DatasetBenchmark(change(advection()))


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    with_nan(advection()).to_netcdf(tmp_path / "holes.nc")
    with pytest.raises(ValueError, match=r"holes\.nc' cannot be used: 'height' is nan"):
        get_benchmark(str(tmp_path / "holes.nc"))
