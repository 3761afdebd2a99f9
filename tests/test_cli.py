"""The command line: what it prints and writes, and how it refuses."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import xarray as xr

from ldensf_core.benchmarks import get_benchmark
from ldensf_core.cli import main
from ldensf_core.observations import LAYOUTS, SensorNetwork
from ldensf_core.weights.checkpoints import PRETRAINED


def run(monkeypatch, *arguments):
    """Run the command in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["ldensf", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code or 0


@pytest.mark.parametrize("command", ["simulate", "train", "assimilate", "verify", "app"])
def test_every_command_explains_itself(monkeypatch, capsys, command):
    assert run(monkeypatch, command, "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_default_number_of_sensors_is_told_for_each_benchmark(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "verify", "--help") == 0
    assert "kolmogorov 100, tsunami 100, atmosphere 512" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["verify", "assimilate"])
def test_layouts_are_listed(monkeypatch, capsys, command):
    monkeypatch.setenv("COLUMNS", "300")
    assert run(monkeypatch, command, "--help") == 0
    listed = capsys.readouterr().out
    assert all(layout in listed for layout in LAYOUTS) and "at random in one half" in listed


def test_simulate_writes_labelled_fields(monkeypatch, tmp_path):
    target = tmp_path / "runs.nc"
    status = run(
        monkeypatch, "simulate", "tsunami", "--n", 2, "--output", target, "--device", "cpu"
    )
    assert status == 0
    with xr.open_dataset(target, engine="h5netcdf") as runs:
        assert runs.eta.dims == ("trajectory", "time", "y", "x")
        assert runs.eta.units == "m"
        assert float(runs.eta.isel(time=0).max()) > 0.9


def test_assimilate_writes_the_experiment(monkeypatch, tmp_path):
    target = tmp_path / "run.nc"
    arguments = ["--filters", "ld-ensf,none", "--members", 5, "--output", target]
    arguments += ["--layout", "half", "--seed", 2]
    assert run(monkeypatch, "assimilate", "tsunami", *arguments, "--device", "cpu") == 0
    with xr.open_dataset(target, engine="h5netcdf") as result:
        network = SensorNetwork.half(get_benchmark("tsunami"), 100, seed=2)
        assert (result.sensor_x.values == network.positions[:, 0]).all()
        error = result.rel_rmse.isel(time=-1)
        assert float(error.sel(filter="ld-ensf")) < 0.5 * float(error.sel(filter="none"))


def test_assimilate_takes_a_truth_of_other_physics(monkeypatch, tmp_path):
    target = tmp_path / "run.nc"
    arguments = ["--filters", "none", "--members", 2, "--output", target, "--device", "cpu"]
    arguments += ["--model-error", "two-sources"]
    assert run(monkeypatch, "assimilate", "tsunami", *arguments) == 0
    with xr.open_dataset(target, engine="h5netcdf") as result:
        start = result.eta.isel(time=0)
        assert float(start.sel(x=750, y=750, method="nearest")) == pytest.approx(0.5, abs=0.01)
        assert result.attrs["truth_benchmark"] == "Tsunami in a closed basin, two sources"


def test_verify_prints_one_json_document_and_nothing_else(monkeypatch, capsys):
    arguments = ["--benchmark", "tsunami", "--filters", "ld-ensf", "--truths", 1, "--json"]
    assert run(monkeypatch, "verify", *arguments, "--device", "cpu") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert set(document) == {"rows", "environment"}
    assert document["rows"][0]["rel_rmse_final"] <= 0.06
    assert "cycle" in captured.err  # the progress bar


def test_verify_sweeps_over_several_values_into_a_file(monkeypatch, capsys, tmp_path):
    target = tmp_path / "sweep.nc"
    arguments = "--benchmark tsunami --filters none --truths 1 --every 60,70 --members 1,2".split()
    arguments += ["--device", "cpu", "--workers", 0, "--output", target]
    arguments += ["--layout", "line", "--variables", "all,eta"]
    assert run(monkeypatch, "verify", *arguments) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    table = [dict(zip(head.split(), line.split(), strict=False)) for line in lines]
    assert [(row["variables"], row["every"], row["members"]) for row in table] == [
        ("all", "60", "1"), ("all", "60", "2"), ("all", "70", "1"), ("all", "70", "2"),
        ("eta", "60", "1"), ("eta", "60", "2"), ("eta", "70", "1"), ("eta", "70", "2"),
    ]  # fmt: skip
    assert {row["layout"] for row in table} == {"line"}
    with xr.open_dataset(target, engine="h5netcdf") as scores:
        assert scores.rel_rmse.notnull().all()
        assert scores.attrs["command"].startswith("ldensf verify --benchmark tsunami --filters")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "atlantis", "--output", "x.nc"], "benchmark 'atlantis' is unknown"),
        (["simulate", "tsunami", "--n", "0", "--output", "x.nc"], "n = 0"),
        (["verify", "--benchmark", "tsunami", "--noise", "-1"], "noise = -1"),
        (["verify", "--benchmark", "tsunami", "--noise", "nan"], "noise = nan"),
        (["verify", "--benchmark", "tsunami", "--members", "0"], "members = 0"),
        (["verify", "--benchmark", "tsunami", "--noise", "0.1,loud"], "noise '0.1,loud': numbers"),
        (["verify", "--benchmark", "tsunami", "--members", "20,2.5"], "members '20,2.5': whole"),
        (["verify", "--benchmark", "tsunami", "--layout", "grid,ring"], "layout 'ring'"),
        (["verify", "--benchmark", "tsunami", "--variables", "all,eta+w"], "variables 'eta+w'"),
        (["verify", "--benchmark", "tsunami", "--workers", "-1"], "workers = -1"),
        (["verify", "--benchmark", "tsunami", "--scheduler", "nowhere"], "scheduler 'nowhere'"),
        (["verify", "--benchmark", "tsunami", "--sensors", "101"], "101 sensors"),
        (["verify", "--benchmark", "tsunami", "--truths", "41"], "truths = 41"),
        (["verify", "--benchmark", "tsunami", "--filters", "magic"], "magic"),
        (["verify", "--benchmark", "tsunami", "--device", "abacus"], "abacus"),
        (["verify", "--benchmark", "tsunami", "--model-error", "lava"], "model error 'lava' of"),
        (
            ["assimilate", "kolmogorov", "--output", "x.nc", "--model-error", "deeper-water"],
            "there are none, stronger-drag, stronger-forcing, other-start",
        ),
        (["train", "atlantis"], "benchmark 'atlantis' is unknown"),
    ],
)
def test_bad_input_is_one_line_that_names_the_value(monkeypatch, capsys, arguments, message):
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_missing_weights_say_how_to_get_them(monkeypatch, capsys, tmp_path):
    arguments = ["train", "tsunami", "--part", "calibration", "--output", tmp_path / "none"]
    assert run(monkeypatch, *arguments, "--device", "cpu") == 2
    assert "ldensf train" in capsys.readouterr().err


def test_autoencoder_is_trained_by_itself(monkeypatch, capsys, tmp_path):
    shutil.copy(PRETRAINED / "tsunami" / "card.json", tmp_path)
    arguments = ["train", "tsunami", "--part", "vae", "--small", "--output", tmp_path]
    assert run(monkeypatch, *arguments, "--device", "cpu") == 0
    card = json.loads(capsys.readouterr().out)
    assert card["vae"]["command"] == "ldensf train tsunami --part vae --seed 0"
    assert {"vae.safetensors", "vae.checkpoint"} < {f.name for f in tmp_path.iterdir()}


def test_a_full_disk_leaves_no_half_file(tmp_path):
    """The disk is full after 100 kB: a limit on file size stands in for it."""
    target = tmp_path / "runs.nc"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    command += "from ldensf_core.cli import main; main()"
    arguments = ["simulate", "tsunami", "--output", str(target), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("ldensf: ")
    assert list(tmp_path.iterdir()) == []


# -- outputs that cannot be written ------------------------------------------------------------


COMMANDS = {
    "simulate": "simulate tsunami --n 1",
    "assimilate": "assimilate tsunami --filters none --members 1",
    "verify": "verify --benchmark tsunami --filters none --truths 1 --members 1 --every 60",
}


def forbid(monkeypatch):
    """Fail where anything is run."""

    def started(*_, **__):
        raise AssertionError("it was run before the output was looked at")

    monkeypatch.setattr("ldensf_core.benchmarks.Benchmark.simulate", started)
    monkeypatch.setattr("ldensf_core.twin.experiment.TwinExperiment.run", started)
    monkeypatch.setattr("ldensf_core.verification.sweep.run", started)
    monkeypatch.setattr("ldensf_core.training.run.train_surrogate", started)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere/x.nc", "there is no folder .*nowhere"),
        (".", "is a folder: name a file"),
        ("/proc/x.nc", "folder '/proc' takes no files"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_at_once(
    monkeypatch, capsys, tmp_path, command, target, message
):
    forbid(monkeypatch)
    arguments = [*COMMANDS[command].split(), "--output", tmp_path / target, "--device", "cpu"]
    assert run(monkeypatch, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ldensf: ") and re.search(message, line)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_weights_that_takes_none_is_told_at_once(monkeypatch, capsys, tmp_path):
    forbid(monkeypatch)
    for folder in ("/proc/self", "/proc/self/cmdline"):
        arguments = ["train", "tsunami", "--small", "--output", folder, "--device", "cpu"]
        assert run(monkeypatch, *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ldensf: ") and folder in line


def test_no_folder_is_left_where_weights_are_missing(monkeypatch, capsys, tmp_path):
    arguments = ["train", "tsunami", "--part", "encoder", "--output", tmp_path / "none"]
    assert run(monkeypatch, *arguments, "--device", "cpu") == 2
    assert "ldensf train" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["simulate", "assimilate"])
def test_a_failed_run_leaves_the_file_that_was_there(monkeypatch, capsys, tmp_path, command):
    target = tmp_path / "x.nc"
    target.write_text("of last year")

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ldensf_core.benchmarks.Benchmark.simulate", fails)
    monkeypatch.setattr("ldensf_core.twin.experiment.TwinExperiment.run", fails)
    arguments = [*COMMANDS[command].split(), "--output", target, "--device", "cpu"]
    assert run(monkeypatch, *arguments) == 2
    assert target.read_text() == "of last year" and list(tmp_path.iterdir()) == [target]


# -- interruptions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "within"),
    [
        (COMMANDS["simulate"] + " --output x.nc", "benchmarks.Benchmark.simulate"),
        (COMMANDS["assimilate"] + " --output x.nc", "twin.experiment.TwinExperiment.run"),
        (COMMANDS["verify"], "verification.sweep.run"),
        ("train tsunami --small --output weights", "training.run.train_surrogate"),
        ("bench --benchmark tsunami", "speed.table.observed_run"),
    ],
)
def test_an_interruption_is_one_line(monkeypatch, capsys, tmp_path, arguments, within):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"ldensf_core.{within}", interrupted)
    assert run(monkeypatch, *arguments.split(), "--device", "cpu") == 130
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if "cycle/s" not in line]
    assert [line for line in lines if line.strip()] == ["ldensf: interrupted"]
    assert captured.out == "" and not list(tmp_path.glob("*.nc"))


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_an_interrupted_sweep_ends_all_its_processes_and_goes_on(tmp_path, monkeypatch, capsys):
    """Ctrl-C of a terminal, which sends the signal to every process of the command."""
    target = tmp_path / "sweep.nc"
    arguments = "verify --benchmark tsunami --filters none --truths 4 --members 2 --every 60 "
    arguments += f"--device cpu --output {target} --workers"
    command = "from ldensf_core.cli import main; main()"
    sweep = subprocess.Popen(
        [sys.executable, "-c", command, *arguments.split(), "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 200
    while _runs(target) < 1 and sweep.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
    os.killpg(sweep.pid, signal.SIGINT)
    out, err = sweep.communicate(timeout=90)
    lines = [line for line in err.splitlines() if "cycle/s" not in line and line.strip()]
    assert (sweep.returncode, lines, out) == (130, ["ldensf: interrupted"], ""), err
    end = time.monotonic() + 20  # the last of them may take a moment to end
    while _alive_in_session(sweep.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert _alive_in_session(sweep.pid) == []
    assert 1 <= _runs(target) < 4
    assert run(monkeypatch, *arguments.split(), "0") == 0
    assert _runs(target) == 4


def _runs(target):
    """How many are in the file."""
    if not target.exists():
        return 0
    with xr.open_dataset(target, engine="h5netcdf") as scores:
        return int((scores.device != "").sum())


def _alive_in_session(session):
    alive = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):  # it ends just now
            continue
    return alive


# -- another system ----------------------------------------------------------------------------


def test_nothing_is_needed_that_only_unix_has():
    """A process without those modules, as on Windows."""
    program = """
import sys
import psutil  # it knows of each system what it needs there, of this one too
for name in ("resource", "fcntl", "pwd", "termios"):
    sys.modules[name] = None  # importing it fails
import ldensf_core, ldensf_core.cli, ldensf_app
from ldensf_core.cli import main
for arguments in (["--help"], "bench --benchmark tsunami --members 2 --implementations this "
                  "--device cpu --json".split()):
    sys.argv = ["ldensf", *arguments]
    try:
        main()
    except SystemExit as exit_:
        assert not exit_.code, exit_.code
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    (row,) = json.loads(done.stdout[done.stdout.index('{\n  "rows"') :])["rows"]
    assert 50 < row["peak_memory_mb"] < 20_000
