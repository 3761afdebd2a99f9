"""What is installed from a wheel works without the checkout, whatever lies in the user's folder."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import xarray as xr

ROOT = Path(__file__).parents[1]


def test_every_folder_of_modules_is_a_package_of_the_distribution():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {
        init.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ("app", "ldensf_core", "pretrained")
        for init in (ROOT / top).rglob("__init__.py")
    }
    modules = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ("app", "ldensf_core", "pretrained")
        for path in (ROOT / top).rglob("*.py")
    }
    names = {"app": "ldensf_app", "pretrained": "ldensf_core.pretrained"}
    assert folders == modules
    tops = (folder.partition(".") for folder in folders)
    assert setuptools["packages"] == sorted(names.get(top, top) + d + b for top, d, b in tops)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder of the commands of a fresh environment with the wheel.

    Dependencies are those of the environment that runs the tests; the checkout is not there.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("app", "ldensf_core", "pretrained"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    local = ["--no-deps", "--no-build-isolation", "--no-index"]
    _run([*pip, "wheel", source, *local, "-w", folder])
    (wheel,) = folder.glob("*.whl")
    _run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"])
    commands = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder / "venv")}))
    python = commands / Path(sys.executable).name
    _run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel])
    libraries = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")}))
    dependencies = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (libraries / "dependencies.pth").write_text("\n".join(dependencies))
    shutil.rmtree(source)
    return commands


@pytest.fixture
def elsewhere(tmp_path):
    """A user's folder, with an app of theirs that has nothing to do with ours."""
    (tmp_path / "app.py").write_text("raise RuntimeError('this is no dashboard')")
    return tmp_path


def _run(command, **options):
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=170, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(400)
def test_an_experiment_runs_on_the_shipped_weights(installed, elsewhere):
    where = _run(
        [installed / "python", "-c", "import ldensf_core; print(ldensf_core.__file__)"],
        cwd=elsewhere,
    )
    assert installed.parent in Path(where.strip()).parents
    arguments = "assimilate tsunami --filters ld-ensf --output x.nc --device cpu".split()
    _run([installed / "ldensf", *arguments], cwd=elsewhere)
    with xr.open_dataset(elsewhere / "x.nc", engine="h5netcdf") as run:
        assert float(run.rel_rmse.sel(filter="ld-ensf").isel(time=-1)) < 0.05


@pytest.mark.timeout(400)
def test_the_dashboard_is_served_from_there(installed, elsewhere):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = elsewhere / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [installed / "ldensf", "app", "--port", str(port)],
            cwd=elsewhere,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        page, end = None, time.monotonic() + 150
        while page is None and time.monotonic() < end and server.poll() is None:
            address = re.search(r"http://\S+", log.read_text())
            try:
                page = address and urllib.request.urlopen(address.group(), timeout=120)
            except urllib.error.URLError:
                time.sleep(0.3)
        assert page, log.read_text()
        with page:
            assert page.url == f"http://localhost:{port}/ldensf_app"
            assert "LD-EnSF" in page.read().decode()
        assert "no dashboard" not in log.read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 130
