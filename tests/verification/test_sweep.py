"""Sweeps over settings: what they are made of, their file, and the cluster that runs them."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import xarray as xr
from dask.distributed import LocalCluster

from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.files import write_netcdf
from ldensf_core.verification import archive, cluster, sweep
from ldensf_core.verification.sweep import verify
from ldensf_core.verification.table import rows

FILTERS = ["ld-ensf", "none"]
ARGUMENTS = {"truths": 2, "noise": [0.1, 0.3], "members": 3, "seed": 4, "device": "cpu"}
ONE_NOISE = ARGUMENTS | {"noise": 0.1}
TIMES = ["forecast_ms", "analysis_ms", "decode_ms"]


@pytest.fixture(scope="module")
def serial():
    return verify("tsunami", FILTERS, **ARGUMENTS)


@pytest.fixture
def one_noise(serial):
    """Part of the sweep; what is asked for alone has to be the same."""
    return serial.sel(noise=[0.1])


def assert_identical(found, expected):
    """Bit for bit, but for times."""
    xr.testing.assert_identical(
        found.drop_vars(TIMES).drop_attrs(deep=False),
        expected.drop_vars(TIMES).drop_attrs(deep=False),
    )


@pytest.fixture
def counted(monkeypatch):
    """What is run in this process, in order."""
    runs = []

    def run(benchmark, filters, truth, **setting):
        runs.append((tuple(filters), truth, setting["noise"], setting["members"]))
        return real(benchmark, filters, truth, **setting)

    real = sweep.run
    monkeypatch.setattr(sweep, "run", run)
    return runs


# -- what it gives --------------------------------------------------------------------------


def test_scores_are_labelled(serial, tsunami):
    assert dict(serial.rel_rmse.sizes) == {
        "filter": 2, "sensors": 1, "layout": 1, "variables": 1, "noise": 2, "every": 1,
        "members": 1, "truth": 2, "time": 51,
    }  # fmt: skip
    assert serial.sensors.values == [100] and serial.layout.values == ["grid"]
    assert serial["variables"].values == ["all"]
    assert serial.time.units == tsunami.time_units
    assert serial.forecast_ms.units == "ms" and serial.crps.units == "1"
    assert all("long_name" in variable.attrs for variable in serial.data_vars.values())
    for name in set(sweep.archive.SCORES) - set(TIMES):
        assert serial[name].notnull().all(), name


def test_ranks_of_a_filter_add_up_to_one(serial):
    assert serial["rank"].values.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(serial.rank_histogram.sum("rank"), 1)
    free = serial.rank_histogram.sel(filter="none").isel(noise=0)
    assert (free == serial.rank_histogram.sel(filter="none").isel(noise=1)).all()


def test_one_row_a_setting_and_filter(serial):
    found = rows(serial)
    assert [(row["noise"], row["filter"]) for row in found] == [
        (0.1, "ld-ensf"), (0.1, "none"), (0.3, "ld-ensf"), (0.3, "none"),
    ]  # fmt: skip
    assert found[0]["rel_rmse"] < found[2]["rel_rmse"] < found[3]["rel_rmse"]


def test_variables_that_are_not_measured_are_missing():
    """The same as experiments that measure some only, in the order asked for."""
    setting = {"every": 10, "members": 4, "seed": 3, "device": "cpu"}
    scores = verify("tsunami", ["ld-ensf"], 1, variables=["all", "eta", "v+u"], **setting)
    assert scores["variables"].values.tolist() == ["all", "eta", "u+v"]
    assert [row["variables"] for row in rows(scores)] == ["all", "eta", "u+v"]
    errors = []
    for label, variables in (("all", None), ("eta", ["eta"]), ("u+v", ["u", "v"])):
        truth = get_benchmark("tsunami").split("test").isel(trajectory=0)
        twin = TwinExperiment("tsunami", "ld-ensf", truth=truth, variables=variables, **setting)
        direct = twin.run().rel_rmse.sel(filter="ld-ensf").values
        of = scores.rel_rmse.sel(variables=label).values.ravel()
        np.testing.assert_allclose(of, direct, rtol=1e-4)
        errors.append(of.mean())
    assert errors[0] < errors[2] and len(set(errors)) == 3


def test_layouts_are_drawn_by_the_seed_of_each_truth(monkeypatch):
    drawn = []
    place = SensorNetwork.place.__func__

    def placed(cls, *arguments):
        drawn.append(place(cls, *arguments))
        return drawn[-1]

    monkeypatch.setattr(SensorNetwork, "place", classmethod(placed))
    layouts = ["cluster", "line", "half"]
    scores = verify("tsunami", ["none"], 2, 9, layouts, every=60, members=1, seed=5, device="cpu")
    assert scores.layout.values.tolist() == layouts and scores.rel_rmse.notnull().all()
    for layout in layouts:
        for seed in (5, 6):
            assert getattr(SensorNetwork, layout)(get_benchmark("tsunami"), 9, seed) in drawn


# -- the file -------------------------------------------------------------------------------


def test_an_interrupted_sweep_goes_on(tmp_path, monkeypatch, counted, one_noise):
    target = tmp_path / "sweep.nc"
    count = sweep.run

    def interrupted(*arguments, **setting):
        if counted:
            raise KeyboardInterrupt
        return count(*arguments, **setting)

    monkeypatch.setattr(sweep, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verify("tsunami", FILTERS, output=target, **ONE_NOISE)
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert (kept.device != "").sum("filter").values.ravel().tolist() == [2, 0]
    monkeypatch.setattr(sweep, "run", count)
    assert_identical(verify("tsunami", FILTERS, output=target, **ONE_NOISE), one_noise)
    assert [truth for _, truth, _, _ in counted] == [0, 1]
    assert_identical(verify("tsunami", FILTERS, output=target, **ONE_NOISE), one_noise)
    assert len(counted) == 2
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert_identical(kept.load(), one_noise)
        assert {"environment", "command", "weights"} < set(kept.attrs)
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_tells_of_all_sweeps_how_they_were_made(tmp_path, monkeypatch):
    target, common = tmp_path / "sweep.nc", {"every": 25, "members": 2, "device": "cpu"}
    monkeypatch.setattr(archive, "command", lambda: "the first")
    monkeypatch.setattr(sweep, "environment", lambda: {"gpu": "one"})
    verify("tsunami", ["none"], truths=1, output=target, **common)
    verify("tsunami", ["none"], truths=1, output=target, **common)
    monkeypatch.setattr(archive, "command", lambda: "the second")
    monkeypatch.setattr(sweep, "environment", lambda: {"gpu": "another"})
    verify("tsunami", ["none"], truths=2, output=target, **common)
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert kept.attrs["command"] == "the first\nthe second"
        assert kept.attrs["environment"] == '{"gpu": "one"}\n{"gpu": "another"}'


def test_a_file_takes_other_sweeps(tmp_path, counted):
    """Of another filter, size and truth: only what is new is run, and all is kept."""
    target, common = tmp_path / "sweep.nc", {"every": 9, "device": "cpu", "output": tmp_path}
    common["output"] = target
    first = verify("tsunami", ["none"], truths=1, members=2, **common)
    wider = verify("tsunami", FILTERS, truths=1, members=[3, 2], **common)
    assert counted == [
        (("none",), 0, 0.1, 2), (("ld-ensf", "none"), 0, 0.1, 3), (("ld-ensf",), 0, 0.1, 2),
    ]  # fmt: skip
    assert wider.members.values.tolist() == [3, 2]
    assert wider.rank_histogram.sel(members=2).isel(rank=3).isnull().all()
    again = verify("tsunami", ["none"], truths=1, members=2, **common)
    xr.testing.assert_identical(again.drop_attrs(deep=False), first.drop_attrs(deep=False))
    assert len(counted) == 3


def test_a_file_has_truths_of_one_model_error(tmp_path, counted):
    """A file from before there were any holds runs without."""
    target = tmp_path / "sweep.nc"
    common = {"truths": 1, "every": 25, "members": 2, "device": "cpu", "output": target}
    known = verify("tsunami", ["none"], **common)
    assert known.attrs["model_error"] == "none"
    del known.attrs["model_error"]
    write_netcdf(known, target)
    verify("tsunami", ["none"], **common)
    assert len(counted) == 1
    with pytest.raises(ValueError, match="model_error = none and with two-sources cannot be in on"):
        verify("tsunami", ["none"], model_error="two-sources", **common)
    common["output"] = tmp_path / "other.nc"
    hidden = verify("tsunami", ["none"], model_error="two-sources", **common)
    assert hidden.attrs["model_error"] == "two-sources"
    assert (hidden.rel_rmse != known.rel_rmse).all()
    np.testing.assert_array_equal(hidden.parameter_error, known.parameter_error)


def test_longer_labels_are_kept_whole(tmp_path):
    target, common = tmp_path / "sweep.nc", {"truths": 1, "members": 1, "every": 60}
    for filters, layout in ((["none"], ["grid"]), (["latent-etkf"], ["random"])):
        verify("tsunami", filters, layout=layout, output=target, device="cpu", **common)
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert sorted(kept["filter"].values) == ["latent-etkf", "none"]
        assert sorted(kept["layout"].values) == ["grid", "random"]


def test_a_file_from_before_variables_were_chosen_goes_on(tmp_path, counted):
    """All were measured then: its runs are not repeated, and others join them."""
    target, common = tmp_path / "sweep.nc", {"truths": 1, "members": 1, "every": 60}
    first = verify("tsunami", ["none"], output=target, device="cpu", **common)
    with xr.open_dataset(target, engine="h5netcdf") as file:
        old = file.load().isel(variables=0, drop=True)
    old.to_netcdf(target, engine="h5netcdf")
    both = verify(
        "tsunami", ["none"], variables=["all", "eta"], output=target, device="cpu", **common
    )
    assert len(counted) == 2
    assert_identical(both.sel(variables=["all"]), first)
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert kept.rel_rmse.dims == first.rel_rmse.dims
        assert (kept.device != "").all() and kept.sizes["variables"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5},
        {"missing": 0.5},
        {"split": "validation"},
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path, change):
    target, common = tmp_path / "sweep.nc", {"truths": 1, "members": 1, "every": 60}
    verify("tsunami", ["none"], output=target, device="cpu", **common)
    before = target.read_bytes()
    (name,) = change
    with pytest.raises(ValueError, match=f"{target.name} .* {name} = .*; write to another"):
        verify("tsunami", ["none"], output=target, device="cpu", **common, **change)
    assert target.read_bytes() == before


def test_runs_are_kept_together_unless_their_filters_are_tuned_otherwise():
    old, new, other = (
        {"options": json.dumps(options)}
        for options in (
            {"letkf": {"radius": 1.0}},
            {"ensf": {"steps": 9}, "letkf": {"radius": 1.0}},
            {"letkf": {"radius": 2.0}},
        )
    )
    assert archive.together(old, new, ["options"]) == new
    with pytest.raises(ValueError, match=r"options = .*1.0.* and with .*2.0.* cannot be"):
        archive.together(new, other, ["options"])


def test_what_is_no_sweep_is_named(tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "other.nc"
    text.write_text("notes")
    xr.Dataset({"x": 1}).to_netcdf(other, engine="h5netcdf")
    for target in (text, other):
        with pytest.raises(ValueError, match=f"{target.name} is no file of a sweep"):
            verify("tsunami", ["none"], truths=1, device="cpu", output=target)


def test_a_file_that_cannot_be_written_is_told_before_anything_runs(tmp_path, counted):
    with pytest.raises(OSError, match="nowhere"):
        verify("tsunami", ["none"], device="cpu", output=tmp_path / "nowhere" / "sweep.nc")
    assert counted == []


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """The disk is full after as much as the file holds: a limit on file size stands in for it."""
    target = tmp_path / "sweep.nc"
    verify("tsunami", ["none"], truths=1, members=1, every=60, device="cpu", output=target)
    before = target.read_bytes()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), len(before)))

    command = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    command += "from ldensf_core.cli import main; main()"
    arguments = "verify --benchmark tsunami --filters none --truths 40 --members 1 --every 60"
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments.split(), "--output", target, "--device", "cpu"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("ldensf: "), done.stderr
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


# -- the cluster ----------------------------------------------------------------------------


def test_two_workers_give_the_bits_of_this_process(tmp_path, one_noise):
    target = tmp_path / "sweep.nc"
    found = verify("tsunami", FILTERS, workers=2, output=target, **ONE_NOISE)
    assert_identical(found, one_noise)
    with xr.open_dataset(target, engine="h5netcdf") as kept:
        assert_identical(kept.load(), one_noise)


def test_a_killed_worker_costs_time_alone(one_noise):
    """One of two workers of a scheduler elsewhere, in the middle of its run."""

    killed = []

    def kill():
        while not killed and not finished.wait(0.1):
            busy = [w.address for w in local.scheduler.workers.values() if w.processing]
            if busy:
                finished.wait(1)
                nanny = next(n for n in local.workers.values() if n.worker_address == busy[0])
                os.kill(nanny.pid, signal.SIGKILL)
                killed.append(nanny.pid)

    finished = threading.Event()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            address = local.scheduler_address
            found = verify("tsunami", FILTERS, scheduler=address, **ONE_NOISE)
        finally:
            finished.set()
            killer.join()
    assert len(killed) == 1
    assert_identical(found, one_noise)


@pytest.mark.alone
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "magic://127.0.0.1:9"])
def test_a_scheduler_that_is_not_there_is_named_within_seconds(monkeypatch, address):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    start = time.monotonic()
    with pytest.raises(OSError, match=f"scheduler '{address}' cannot be reached: "):
        verify("tsunami", ["none"], truths=1, device="cpu", scheduler=address)
    assert time.monotonic() - start < 5


def test_dask_is_only_loaded_where_it_is_used():
    check = "import sys, ldensf_core.cli; print({'dask', 'distributed', 'scores'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# -- arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize("truths", [0, -1, 41, 2.5, 2.0, math.nan, "3", True, None])
def test_number_of_truths_that_there_is_not_is_named(truths):
    with pytest.raises(ValueError, match=f"truths = {truths!r}: a whole number from 1 to 40"):
        verify("tsunami", ["none"], truths=truths)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"benchmark": "tsunamy"}, r"'tsunamy' is unknown; there are .*tsunami"),
        ({"filters": ["kalman"]}, "filter 'kalman' is unknown; there are ld-ensf"),
        ({"sensors": 0}, "n = 0 sensors: at least 1"),
        ({"sensors": 7}, "7 sensors fill no grid .*: take 6 or 9, or the layout 'random'"),
        ({"sensors": 0, "layout": "random"}, "n = 0 sensors: at least 1"),
        ({"layout": "ring"}, "layout 'ring' is unknown; there are grid, random, cluster, line, h"),
        (
            {"variables": "eta+w"},
            r"variables 'eta\+w': allowed are all, or names of u, v, eta",
        ),
        ({"variables": ["eta", None]}, "variables None: allowed are all, or names of u, v, eta"),
        ({"variables": ""}, "variables '': allowed are all, or names of u, v, eta"),
        (
            {"variables": ["u+v", "v+u"]},
            r"variables \['u\+v', 'u\+v'\]: one or more values",
        ),
        ({"variables": []}, r"variables \[\]: one or more values, each once"),
        ({"split": "tset"}, "split 'tset' is unknown; there are train, validation, test"),
        ({"noise": -0.1}, "noise = -0.1: allowed is 0 to 10"),
        ({"members": 0}, "members = 0: a whole number of at least 1"),
        ({"members": [20, 0]}, "members = 0: a whole number of at least 1"),
        ({"noise": []}, r"noise \[\]: one or more values, each once"),
        ({"noise": [0.1, 0.3, 0.1]}, r"noise \[0.1, 0.3, 0.1\]: one or more values, each once"),
        ({"workers": -1}, r"workers = -1: 0 \(this process alone\) or more"),
        ({"workers": "two"}, r"workers = 'two': 0 \(this process alone\) or more"),
        ({"workers": 1.5}, r"workers = 1.5: 0 \(this process alone\) or more"),
        ({"seed": "7"}, "seed = '7': a whole number of at least 0"),
        ({"seed": None}, "seed = None: a whole number of at least 0"),
        ({"filters": None}, "filter None: a name, a class or an object of Filter is needed"),
        ({"filters": [["none"]]}, r"filter \['none'\]: a name, a class or an object"),
        ({"sensors": "many"}, "n = 'many' sensors: at least 1"),
        ({"sensors": [[100]]}, r"n = \[100\] sensors: at least 1"),
        ({"noise": "0.1"}, "noise = '0.1': allowed is 0 to 10"),
        ({"every": True}, "every = True: a whole number of at least 1"),
        ({"layout": None}, "layout None is unknown; there are grid, random"),
        ({"missing": None}, "missing = None: allowed is 0 to 1"),
        ({"model_error": "lava"}, "model error 'lava' of tsunami is unknown; there are none, deep"),
        ({"options": {"letkf": 3}}, "options of .*'letkf'.*: the filters are"),
        (
            {"workers": 2, "scheduler": "tcp://127.0.0.1:1"},
            "workers = 2: give none, the scheduler has workers",
        ),
    ],
)
def test_bad_arguments_are_named_with_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        verify(**({"benchmark": "tsunami", "filters": ["none"], "device": "cpu"} | options))
