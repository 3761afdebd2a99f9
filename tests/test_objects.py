"""Objects and classes that nobody registered, handed in where names are taken."""

import re
from pathlib import Path

import pytest

from ldensf_core import FILTERS, TwinExperiment, list_benchmarks
from ldensf_core.speed import bench
from ldensf_core.verification.sweep import verify
from ldensf_core.verification.table import rows

PAGES = Path(__file__).parents[1] / "docs" / "how-to"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def shown():
    """What the pages define: a benchmark and a filter."""
    space = {"__name__": "shown"}
    for page in ("add-a-benchmark", "add-a-filter"):
        for block in BLOCK.findall((PAGES / f"{page}.md").read_text()):
            if "\nclass " in block:
                exec(block, space)
    assert "advection" not in list_benchmarks() and "nudging" not in FILTERS
    return space["Advection"](), space["Nudging"]


def test_of_an_experiment(shown):
    advection, nudging = shown
    filters = {"by class": (nudging, {"gain": 0.9}), "made": nudging(advection, gain=0.9)}
    last = list(TwinExperiment(advection, filters, members=3, device="cpu"))[-1].filters
    means = [result.estimate.mean for result in last.values()]
    assert means[0].equal(means[1]) and means[0].isfinite().all()


def test_of_a_sweep(shown):
    advection, nudging = shown
    filters = {"weak": (nudging, {"gain": 0.01}), "strong": nudging}
    scores = verify(advection, filters, truths=2, members=3, device="cpu")
    table = {row["filter"]: row for row in rows(scores)}
    assert table["strong"]["rel_rmse_final"] < 0.5 * table["weak"]["rel_rmse_final"]
    assert table["weak"]["benchmark"] == "advection"


def test_of_a_timing(shown, monkeypatch):
    monkeypatch.setattr("ldensf_core.speed.table.SECONDS", 0.05)
    advection, nudging = shown
    (row,) = bench(advection, (3,), [nudging], device="cpu")
    assert row["implementation"] == "nudging" and row["cycle_ms"] > 0
