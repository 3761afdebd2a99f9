"""Every notebook runs from top to bottom, and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_runs_and_shows_a_figure(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    folder = {"metadata": {"path": path.parents[1]}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=folder).execute()
    results = [[o.data for o in c.outputs if o.output_type == "execute_result"] for c in code]
    live = "application/vnd.holoviews_exec.v0+json"
    shown = sum(live in data for result in results for data in result)
    assert shown == 3, "maps, curves and the dashboard"
