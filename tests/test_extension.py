"""A package outside of this one brings a benchmark and filters, by entry points alone.

It is made of what the pages of ``docs/how-to`` show, installed into an environment that is thrown
away, and used there by the commands and by the dashboard.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "ldensf-more"
version = "1.0"

[project.entry-points."ldensf.benchmarks"]
advection = "ldensf_more:Advection"

[project.entry-points."ldensf.decoders"]
linear = "ldensf_more:LinearDecoder"

[project.entry-points."ldensf.filters"]
nudging = "ldensf_more:Nudging"
latent-nudging = "ldensf_more:LatentNudging"
broken = "ldensf_more:NotThere"

[tool.setuptools]
py-modules = ["ldensf_more"]
"""


def shown(page):
    """The blocks of a page that define something."""
    blocks = BLOCK.findall((ROOT / "docs" / "how-to" / f"{page}.md").read_text())
    return [block for block in blocks if "\nclass " in block]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment that has this project, and the package."""
    folder = tmp_path_factory.mktemp("more")
    (folder / "package").mkdir()
    (folder / "package" / "pyproject.toml").write_text(PROJECT)
    pages = ("add-a-benchmark", "add-a-filter", "add-a-decoder")
    code = "\n\n".join(block for page in pages for block in shown(page))
    (folder / "package" / "ldensf_more.py").write_text(code)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    site = next((folder / "env" / "lib").glob("python3*/site-packages"))
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    install = ["-m", "pip", "--python", python, "install", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, *install, "--quiet", folder / "package"], check=True, cwd=folder
    )
    return python


@pytest.fixture
def ldensf(python, tmp_path):
    """Runs a command in an empty folder; gives what it prints, and what it logs."""

    def run(*arguments):
        command = [python, "-c", "from ldensf_core.cli import main; main()", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def test_what_there_is_says_so_and_what_is_broken_is_left_out(ldensf):
    out, log = ldensf("--help")
    for name in ("advection", "nudging", "latent-nudging", "linear", "tsunami", "ld-ensf"):
        assert name in out
    assert "broken" not in out and "'broken' of ldensf-more cannot be used" in log


def test_assimilated(ldensf, tmp_path):
    ldensf(
        *(
            "assimilate",
            "advection",
            "--output",
            "run.nc",
            "--filters",
            "weak=nudging,nudging,none",
        ),
        *("--option", "weak.gain=0.01", "--members", "4", "--device", "cpu"),
    )
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as run:
        error = run["rel_rmse"].isel(time=-1).to_series()
        options = json.loads(run.attrs["options"])
    assert error["nudging"] < 0.5 * error["none"] and error["weak"] > error["nudging"]
    assert options["weak"] == {"filter": "nudging", "gain": 0.01, "reach": 12.0}


def test_verified_on_two_workers(ldensf):
    out, _ = ldensf(
        *("verify", "--benchmark", "advection", "--filters", "nudging,letkf", "--truths", "2"),
        *("--members", "3", "--workers", "2", "--device", "cpu", "--json"),
    )
    rows = {row["filter"]: row for row in json.loads(out)["rows"]}
    assert set(rows) == {"nudging", "letkf"} and all(r["rel_rmse"] < 1 for r in rows.values())


def test_timed(ldensf):
    out, _ = ldensf(
        *("bench", "--benchmark", "advection", "--implementations", "nudging,none"),
        *("--members", "4", "--device", "cpu", "--json"),
    )
    rows = {row["implementation"]: row for row in json.loads(out)["rows"]}
    assert rows["nudging"]["cycle_ms"] > 0 and rows["none"]["members"] == 4


def test_trained_small_and_followed_by_latent_filters(ldensf, tmp_path):
    small = ("--decoder", "linear", "--small", "--output", "weights", "--device", "cpu")
    card = json.loads(ldensf("train", "advection", *small)[0])
    assert card["architecture"]["decoder"] == {"kind": "linear", "rank": 32}
    ldensf(
        *("assimilate", "advection", "--output", "run.nc", "--filters", "ld-ensf,latent-nudging"),
        *("--weights", "weights", "--members", "4", "--device", "cpu"),
    )
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as run:
        assert run["rel_rmse"].notnull().all()


def test_with_the_shipped_weights_of_another_benchmark(ldensf, tmp_path):
    ldensf(
        *("assimilate", "tsunami", "--output", "run.nc", "--filters", "latent-nudging,none"),
        *("--members", "4", "--device", "cpu"),
    )
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as run:
        error = run["rel_rmse"].isel(time=-1).to_series()
    assert error["latent-nudging"] < 0.5 * error["none"]


SHOWN = """
import json
import math
import time

from ldensf_app import Dashboard
from ldensf_app.colours import filter_colour
from ldensf_core import FILTERS

dashboard = Dashboard(benchmark="advection", filters=["nudging", "none"], device="cpu")
dashboard.race.set_speed(math.inf)
end = time.monotonic() + 120
while dashboard.race.view().lead.index < 0 and time.monotonic() < end:
    time.sleep(0.05)
dashboard.race.play()
while dashboard.race.view().any("playing", "paused") and time.monotonic() < end:
    time.sleep(0.05)
dashboard.pull()
view, button = dashboard.race.view(), dashboard.controls.widgets["filters"]
print(json.dumps({
    "at": view.lead.index,
    "message": view.message,
    "errors": {name: view.latest(name).error for name in ("nudging", "none")},
    "benchmarks": list(dashboard.settings.param.benchmark.objects),
    "filters": dict(button.options),
    "told": button.description,
    "colours": len({filter_colour(name) for name in FILTERS}),
    "story": dashboard.page.story.object,
}))
"""


def test_shown_in_the_dashboard(python, tmp_path):
    (tmp_path / "shown.py").write_text(SHOWN)
    done = subprocess.run(
        [python, "shown.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout.splitlines()[-1])
    assert page["at"] == 15 and page["message"] == ""
    assert page["errors"]["nudging"] < 0.5 * page["errors"]["none"]
    assert "advection" in page["benchmarks"] and "A bump in the wind" in page["story"]
    assert {"Nudging": "nudging", "latent nudging": "latent-nudging"}.items() <= page[
        "filters"
    ].items()
    assert "Pulls the fields towards the measurements around." in page["told"]
    assert page["colours"] == 12  # one for each
