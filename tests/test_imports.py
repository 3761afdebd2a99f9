"""Who imports whom: without circles, and downwards from room to room.

The layers stand in ``pyproject.toml``, for import-linter. With ``-s``, pytest shows the graph of
the rooms.
"""

import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(
        "ldensf_core", "ldensf_app", exclude_type_checking_imports=True, cache_dir=None
    )


def test_no_module_imports_itself_by_way_of_others(graph):
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    try:
        order = list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))
    assert len(order) > 100


def test_rooms_import_those_below_them_alone(graph):
    rooms = defaultdict(set)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            rooms[room(module)].add(room(imported))
    print()
    for name in sorted(rooms):
        print(f"{name}: {', '.join(sorted(rooms[name] - {name})) or '–'}")
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def room(module):
    return ".".join(module.split(".")[:2])
