"""What a cell's output brings along, and what Jupyter's server has to load."""

import re
import subprocess
import sys
from pathlib import Path

import panel as pn
import pytest
from bokeh.models import ImportedStyleSheet

from ldensf_app import Dashboard, proxy


@pytest.fixture
def dashboard(wait):
    pn.extension(inline=True)
    made = Dashboard(filters=["ensf"], full_space_members=2, sensors=16, compact=True)
    yield made
    made.close()
    for worker in made.race.workers:
        worker.join(timeout=30)
    pn.config.inline = False


def test_the_output_of_a_cell_needs_nothing_else_and_has_the_script_once(dashboard, wait):
    bundle, _ = dashboard._repr_mimebundle_()
    html = bundle["text/html"]
    assert not re.findall(r"https://cdn\.[^\"\\]*", html)
    assert html.count("install_theme_hooks") == 1  # of panel-material-ui
    assert len(html) < 3_000_000
    ((root, _),) = dashboard.stay.view._models.values()
    dashboard.controls.options.view.active = [0]
    dashboard.settings.filters = ["ensf", "none"]
    dashboard.page.say("A text.")
    wait(lambda: dashboard.race.view().lead.index == 0)
    dashboard.pull()
    assert not list(root.select({"type": ImportedStyleSheet}))
    scripts = [m for m in root.select({"bundle": next(_bundles(root))}) if m.esm]
    assert len(scripts) == 1


def _bundles(root):
    return (b for m in root.references() if (b := getattr(m, "bundle", None)))


def test_jupyters_server_finds_the_page_without_loading_torch():
    code = "import sys, ldensf_app.proxy; print('torch' in sys.modules, 'panel' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    entry = proxy.server()
    assert Path(entry["launcher_entry"]["icon_path"]).is_file()
    assert entry["launcher_entry"]["path_info"] == f"ldensf/{proxy.APP.name}"
    assert "*" not in "".join(entry["command"])
