"""The file of a run on the page is what the library makes of the same settings."""

import itertools
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from ldensf_app import frames
from ldensf_app.export import netcdf, view_dataset
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Snapshot
from ldensf_app.view import View
from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.twin.results import result_dataset
from tests.app.running import racing

TSUNAMI = get_benchmark("tsunami")
FIELDS = ("eta", "eta_mean", "eta_spread", "u", "u_mean", "u_spread")
TIMES = ("cycle_ms", "forecast_ms", "analysis_ms", "decode_ms")
CYCLES = 6
FEWER = SensorNetwork.random(TSUNAMI, 4, seed=3)
CHANGES = [(2, {"noise": 0.4}), (3, {"sensors": FEWER}), (5, {"assimilate": False})]


def until(race, *indices):
    end = time.monotonic() + 60
    while [w.snapshot.index for w in race.workers] != list(indices):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def view():
    """A run with changes on the way, in which the full-space filter is a cycle behind."""
    setup = Settings(
        filters=["ld-ensf", "ensf"], members=5, full_space_members=2, sensors=16, device="cpu"
    ).setup()
    with racing() as race:
        race.reset(setup)
        until(race, 0, 0)
        for index in range(1, CYCLES):
            for at, change in CHANGES:
                if at == index:
                    race.change(**change)
            race.latent.step()
            until(race, index, index - 1)
            if index < CYCLES - 1:
                race.full_space.step()
                until(race, index, index)
        return race.view()


@pytest.fixture(scope="module")
def run():
    """The same in one go, by the library alone."""
    experiment = TwinExperiment(
        "tsunami",
        ["ld-ensf", "ensf"],
        SensorNetwork.grid(TSUNAMI, 4, 4),
        members=5,
        full_space_members=2,
        device="cpu",
        changes=CHANGES,
    )
    cycles = itertools.islice(experiment, CYCLES)
    return result_dataset(experiment, list(experiment.filters), cycles, experiment.settings)


@pytest.fixture(scope="module")
def behind(run):
    """That run without what the full-space filter has not run yet."""
    missing = (run["filter"] == "ensf") & (run.time == run.time[-1])
    of_filters = [name for name in run.data_vars if "filter" in run[name].dims]
    return run.assign({name: run[name].where(~missing) for name in of_filters})


def test_numbers_are_those_of_the_library(view, behind):
    data = view_dataset(view, TSUNAMI)
    assert set(data.variables) == {*behind.variables, "latest"}
    assert data["latest"].values.tolist() == [CYCLES - 1, CYCLES - 2]
    for name in {*behind.variables} - {*FIELDS, *TIMES, "v", "v_mean", "v_spread"}:
        assert data[name].dims == behind[name].dims and data[name].attrs == behind[name].attrs
        if data[name].dtype.kind == "f":
            expected = behind[name].values
            np.testing.assert_allclose(data[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
    assert data["eta_observed"].sizes["sensor"] == 16 + 4
    for name in TIMES:
        assert (data[name].notnull() == behind[name].notnull()).all()


def test_fields_are_those_of_the_library_within_half_a_level(view, behind):
    data = view_dataset(view, TSUNAMI)
    for name in FIELDS:
        of_run = behind[name]
        assert data[name].dims == of_run.dims and data[name].attrs == of_run.attrs
        level = (of_run.max(("y", "x")) - of_run.min(("y", "x"))) / 65534
        off = abs(data[name] - of_run)
        assert (off.isnull() == of_run.isnull()).all()
        rounding = 1e-6 * abs(of_run).max(("y", "x"))
        assert ((off <= level / 2 + rounding) | of_run.isnull()).all()


def test_fields_of_the_latest_cycle_are_exact(view):
    data = view_dataset(view, TSUNAMI)
    latent, full_space = view.snapshots
    assert np.array_equal(data["eta"][-1], latent.truth[2])
    assert np.array_equal(data["eta_mean"].sel(filter="ld-ensf")[-1], latent.mean["ld-ensf"][2])
    assert np.array_equal(data["eta_spread"].sel(filter="ensf")[-2], full_space.spread["ensf"][2])
    assert not np.array_equal(latent.frames[-1]["truth", ""].unpack(2), latent.truth[2])


def test_its_attributes_say_how_to_repeat_the_run(view, run):
    attributes = view_dataset(view, TSUNAMI).attrs
    assert set(attributes) == {*run.attrs, "cycle", "sensors"}
    assert json.loads(attributes["changes"]) == [
        [2, {"noise": 0.4}],
        [3, {"sensors": FEWER.positions.tolist()}],
        [5, {"assimilate": False}],
    ]
    named = ("layout", "noise", "members", "full_space_members", "seed", "every", "changes")
    assert [attributes[name] for name in named] == [run.attrs[name] for name in named]
    assert attributes["sensors"] == 16 and attributes["cycle"] == CYCLES - 1
    assert set(json.loads(attributes["options"])) == {"ld-ensf", "ensf"}


def test_of_a_large_grid_there_are_means_at_the_means_of_the_coordinates(view, monkeypatch):
    whole = view_dataset(view, TSUNAMI)
    monkeypatch.setattr(frames, "LARGEST", 100 * 100)

    def again(frame):
        return frames.pack(np.stack([frame.unpack(i) for i in range(3)]))

    halved = [
        replace(s, frames=tuple({k: again(f) for k, f in of.items()} for of in s.frames))
        for s in view.snapshots
    ]
    data = view_dataset(View(*halved), TSUNAMI)
    expected = whole.coarsen(y=2, x=2).mean()
    assert data.sizes["y"] == data.sizes["x"] == 75
    for axis in ("y", "x"):
        np.testing.assert_allclose(data[axis], expected[axis], rtol=1e-12)
        assert data[axis].attrs == whole[axis].attrs
    for name in FIELDS:
        level = float(whole[name].max() - whole[name].min()) / 65534
        assert (abs(data[name] - expected[name]).max() < 1.1 * level) and data[name].notnull().any()
    assert np.array_equal(data["eta"][-1], frames.reduced(view.lead.truth)[2])
    assert TSUNAMI.grid_shape == (150, 150)  # and the benchmark is as it was


def test_of_a_latent_worker_that_failed_all_is_there_up_to_that_cycle(view):
    latent, full_space = view.snapshots
    failed = replace(latent, phase="failed", message="the water ran out")
    data = view_dataset(View(failed, full_space), TSUNAMI)
    assert data.sizes["time"] == CYCLES
    assert data.identical(view_dataset(view, TSUNAMI))


def test_the_file_holds_the_dataset(view, tmp_path):
    path = tmp_path / "run.nc"
    path.write_bytes(netcdf(view, TSUNAMI).getvalue())
    expected = view_dataset(view, TSUNAMI)
    with xr.open_dataset(path, engine="h5netcdf") as file:
        xr.testing.assert_equal(file, expected)
        assert file["eta_mean"].attrs == expected["eta_mean"].attrs


def test_before_the_first_cycle_there_is_nothing():
    with pytest.raises(ValueError, match="nothing to export yet"):
        view_dataset(View(Snapshot(), Snapshot()), TSUNAMI)


def test_too_little_memory_is_said_with_what_to_do(view, monkeypatch):
    def too_large(*_, **__):
        raise MemoryError

    monkeypatch.setattr(xr.Dataset, "to_netcdf", too_large)
    with pytest.raises(ValueError, match=r"too little memory for this file: close other pages"):
        netcdf(view, TSUNAMI)
