"""The three lists of dependencies and the imports stay in step.

pyproject.toml holds the ranges, constraints.txt the versions the tests run with, environment.yml
the same ranges under conda-forge's names.
"""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]

# What conda-forge calls the distributions that have another name there.
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",
    "torch": "pytorch",
}


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    """Requirement lines as {normalised name: range}; a name given twice is an error."""
    requirements = [Requirement(line) for line in lines]
    names = [canonicalize_name(requirement.name) for requirement in requirements]
    assert len(set(names)) == len(names), f"named twice: {sorted(names)}"
    return dict(zip(names, (requirement.specifier for requirement in requirements), strict=True))


def declared(*extras: str) -> dict[str, SpecifierSet]:
    """The ranges of the library and of some extras."""
    return ranges(PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]])


@cache
def constraints() -> dict[str, SpecifierSet]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return ranges([line for line in lines if line and not line.startswith("#")])


@cache
def conda() -> dict[str, SpecifierSet]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return ranges([entry for entry in environment["dependencies"] if isinstance(entry, str)])


def test_the_extras_of_the_documentation_exist():
    assert set(EXTRAS) == {"app", "train", "test"}


def test_constraints_name_exactly_the_direct_dependencies():
    assert set(constraints()) == set(declared(*EXTRAS))


@pytest.mark.parametrize("name", sorted(declared(*EXTRAS)))
def test_constraint_is_one_version_within_the_range(name):
    (pin,) = constraints()[name]
    assert pin.operator == "=="
    assert declared(*EXTRAS)[name].contains(pin.version), f"{name}: {pin} is out of range"


def test_conda_environment_has_the_same_ranges():
    expected = {CONDA_NAMES.get(name, name): range_ for name, range_ in declared(*EXTRAS).items()}
    python = SpecifierSet(PROJECT["requires-python"])
    assert conda() == expected | {"python": python, "pip": SpecifierSet()}


def test_the_oldest_python_is_the_same_everywhere():
    major, minor = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"]).groups()
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{major}{minor}"
    assert f"sys.version_info < ({major}, {minor})" in (ROOT / "Makefile").read_text()


BROUGHT = {"triton", "IPython"}
"""By torch for the GPUs that it supports, and by a notebook: imported where they are."""
SCRIPTS = {path.stem for path in (ROOT / "bench").glob("*.py")}
"""Which import each other, as their folder comes first."""


def sources(folder: str) -> Iterator[tuple[Path, str]]:
    """The Python of a folder: its modules, and the code cells of its notebooks."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, path.read_text()
    for path in sorted((ROOT / folder).rglob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        yield path, "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def imported(source: str) -> set[str]:
    """Top-level names that a module imports, relative imports apart."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize(
    ("folder", "extras", "own"),
    [
        ("ldensf_core", [], {"ldensf_core"}),
        ("app", ["app"], {"ldensf_core", "ldensf_app"}),
        (
            "bench",
            ["app", "test"],
            {"ldensf_core", "ldensf_app", "report", "rivals"} | SCRIPTS,
        ),  # figures in the app's colours, and its page in a browser
        ("notebooks", ["app"], {"ldensf_core", "ldensf_app"}),
        (
            "tests",
            ["app", "train", "test"],
            {"ldensf_core", "ldensf_app", "bench", "report", "rivals", "tests"} | SCRIPTS,
        ),
    ],
)
def test_everything_imported_is_declared(folder, extras, own):
    allowed = set(declared(*extras))
    distributions = packages_distributions()
    for path, source in sources(folder):
        for name in imported(source) - own - BROUGHT - sys.stdlib_module_names:
            providers = {canonicalize_name(dist) for dist in distributions.get(name, [name])}
            assert providers & allowed, f"{path.relative_to(ROOT)} imports {name}, not declared"
