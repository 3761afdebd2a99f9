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
    shown = [set(output.get("data", ())) for cell in code for output in cell.outputs]
    assert any("image/png" in data for data in shown), "no figure was drawn"
    if path.stem == "01-quickstart":
        last = [set(output.get("data", ())) for output in code[-1].outputs]
        assert any("application/vnd.holoviews_exec.v0+json" in data for data in last)
