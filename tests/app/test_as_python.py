import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ldensf_app.as_python import as_python
from ldensf_app.presets import presets
from ldensf_app.scenario import Scenario
from ldensf_app.settings import Settings
from ldensf_core import SensorNetwork, get_benchmark

ROOT = Path(__file__).parents[2]
MUCH = Scenario(
    benchmark="atmosphere",
    filters=["ld-ensf@200", "ld-ensf", "latent-etkf", "latent-smoother", "letkf@5", "ensf"],
    positions=(np.random.default_rng(0).random((60, 2)) * 90).tolist(),
    variables=["h", "v"],
    options={
        "letkf": {"radius": float("inf"), "inflation": 1.2},
        "ld-ensf": {"rule": "published", "epsilon": 0.05},
    },
    changes=[
        [10, {"noise": 0.3, "missing": 0.5, "assimilate": False, "variables": ["h"]}],
        [20, {"positions": [[1, 2], [3, 4]], "noise": 0.1, "every": 2, "members": 50}],
        [30, {"positions": (np.random.default_rng(1).random((30, 2)) * 90).tolist()}],
    ],
)


CELL = """
import sys

import holoviews as hv
from IPython.core.interactiveshell import InteractiveShell

script, *files = sys.argv[1:]
done = InteractiveShell.instance().run_cell(script)
done.raise_error()
parts = done.result.traverse(lambda one: one, [hv.Image, hv.Overlay])
options = [hv.Store.lookup_options("bokeh", one, "plot").kwargs for one in parts]
titles = [of_one.get("title", "") for of_one in options]
print(type(done.result).__module__.partition(".")[0], *titles, sep="|")
for backend, file in zip(("bokeh", "matplotlib"), files, strict=True):
    hv.save(done.result, file, backend=backend)
"""
"""Runs a script as the cell of a notebook, and draws what it ends with by either backend."""


def run(script):
    """The names that a script leaves behind."""
    names = {}
    exec(script, names)
    return names


def test_the_script_of_the_default_scene():
    assert (
        as_python(Scenario())
        == """\
import holoviews as hv

import ldensf_core as ld
from ldensf_app import figures

benchmark = ld.get_benchmark("tsunami")
experiment = ld.TwinExperiment(
    benchmark,
    filters=["ld-ensf", "latent-smoother", "ensf", "none"],
)
result = experiment.run()
print(result.rel_rmse.isel(time=-1).to_series())

hv.extension("bokeh")  # or "matplotlib"
figures.board(result, time=-1)  # or maps, errors, parameters alone
"""
    )


def test_scripts_are_formatted_and_without_faults(tmp_path):
    scenarios = {name: preset.scenario for name, preset in presets().items()}
    scenarios |= {"much": MUCH, "line": Scenario(layout="line", sensors=25, seed=3)}
    for name, scenario in scenarios.items():
        (tmp_path / f"{name.replace('-', '_')}.py").write_text(as_python(scenario))
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for command in (["format", "--check", "--diff"], ["check", "--ignore", "D,INP"]):
        ruff = [sys.executable, "-m", "ruff", *command, *config, str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_makes_the_experiment_of_its_scene():
    # Without the two changes that are no matter of this test: what changes, the library says.
    changes = [(10, MUCH.changes[0][1]), (30, MUCH.changes[2][1])]
    scenario = Scenario(**MUCH.model_dump() | {"changes": [(c, g.given) for c, g in changes]})
    experiment = run(as_python(scenario).partition("result =")[0])["experiment"]
    atmosphere = get_benchmark("atmosphere")
    assert experiment.sensors == SensorNetwork.at(atmosphere, scenario.positions)
    chosen = {label: one.settings(atmosphere) for label, one in experiment.filters.items()}
    assert list(chosen) == list(scenario.filters)
    assert chosen["letkf@5"]["members"] == 5 and chosen["letkf@5"]["radius"] == float("inf")
    assert chosen["ld-ensf@200"]["members"] == 200 and "members" not in chosen["ld-ensf"]
    assert {chosen[label]["rule"] for label in ("ld-ensf@200", "ld-ensf")} == {"published"}
    before, later, last = (experiment.conditions(i) for i in (9, 10, 30))
    assert (before.variables, later.variables) == (("h", "v"), ("h",))
    assert (later.noise, later.missing, later.assimilate) == ((0.3,) * 3, 0.5, False)
    assert last.sensors == SensorNetwork.at(atmosphere, scenario.changes[1][1].positions)


@pytest.mark.parametrize(
    "values",
    [
        {"sensors": 25, "layout": "random", "seed": 4, "members": 5, "missing": 0.2, "every": 3},
        {
            "model_error": "two-sources",
            "sensors": 16,
            "noise": 0.2,
            "members": 5,
            "options": {"ld-ensf": {"rule": "published"}},
        },
    ],
)
def test_a_script_gives_the_numbers_of_the_page(values):
    names = ("ld-ensf", "latent-smoother")
    script = as_python(Scenario(filters=names, **values))
    assert re.search("result = experiment.run()", script)
    mine = run(script.replace("benchmark,\n", 'benchmark,\n    device="cpu",\n', 1))["result"]
    page = Settings(device="cpu", filters=list(names), **values).setup().experiment("latent").run()
    np.testing.assert_array_equal(mine.rel_rmse, page.rel_rmse)
    assert len(mine["filter"]) == 2 and np.isfinite(mine.rel_rmse).all()


def test_a_cell_of_a_notebook_ends_with_the_figures_of_the_run(tmp_path):
    scenario = Scenario(filters=["ld-ensf", "none"], members=5, sensors=25, missing=0.2, every=2)
    script = as_python(scenario, cycle=20).replace(
        "benchmark,\n", 'benchmark,\n    device="cpu",\n'
    )
    files = [tmp_path / "run.html", tmp_path / "run.png"]
    command = [sys.executable, "-c", CELL, script, *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arning" not in done.stdout + done.stderr
    module, *titles = done.stdout.strip().splitlines()[-1].split("|")
    assert module == "holoviews"
    told = "|".join(titles)
    for one in ("truth, step 20", "LD-EnSF: spread", "spread (dotted)", "median and 90 %"):
        assert one in told
    assert all(file.stat().st_size > 50_000 for file in files)
