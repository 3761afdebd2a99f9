"""The pages that tell how to do something: what they show is run, as it is written."""

import re
from pathlib import Path

import pytest

from ldensf_core.benchmarks import BENCHMARKS
from ldensf_core.filters import FILTERS
from ldensf_core.surrogate import DECODERS

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def as_before(monkeypatch, tmp_path):
    """What a page registers is forgotten; what it writes goes to a folder of the test."""
    for registry in (BENCHMARKS, FILTERS, DECODERS):
        list(registry)
        monkeypatch.setattr(registry, "_things", dict(registry._things))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_page_runs_as_it_is_written(page, capsys):
    blocks = BLOCK.findall(page.read_text())
    assert blocks
    space = {"__name__": page.stem}
    for block in blocks:
        exec(compile(block, str(page), "exec"), space)
    print(capsys.readouterr().out)
