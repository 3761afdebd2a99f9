"""Exponents of known powers, and a small run."""

import json

import pytest
from typer import Typer
from typer.testing import CliRunner

from bench import growth
from ldensf_core.benchmarks import Tsunami
from ldensf_core.speed import table

COMMAND = Typer()
COMMAND.command()(growth.main)


def test_exponents_are_those_of_the_larger_half():
    def row(along, size, ms, memory):
        return {"quantity": "q", "along": along, "size": size, "ms": ms, "memory_mb": memory}

    rows = [row("members", n, max(8.0, n**1.5), 3.0 * n) for n in (1, 2, 8, 16)]
    rows += [row("sensors", n, 7.0, n**0.5) for n in (4, 9)]
    members, sensors = growth.exponents(rows)
    assert members["sizes"] == "8 to 16"
    assert members["time"] == pytest.approx(1.5) and members["memory"] == pytest.approx(1.0)
    assert sensors["time"] == pytest.approx(0.0) and sensors["memory"] == pytest.approx(0.5)


def test_rows_of_each_quantity(monkeypatch):
    monkeypatch.setattr(table, "SECONDS", 0.01)
    monkeypatch.setitem(growth.GRIDS, "tsunami", (Tsunami, (16, 32)))
    options = ["--members", "2,40", "--sensors", "17,64", "--full-space-members", "1,2"]
    asked = ["--benchmark", "tsunami", *options, "--device", "cpu", "--json"]
    result = CliRunner().invoke(COMMAND, asked)
    document = json.loads(result.stdout)
    assert [(row["quantity"], row["along"], row["size"]) for row in document["rows"]] == [
        ("latent_cycle", "members", 2),
        ("latent_cycle", "members", 40),
        ("latent_cycle", "sensors", 17),
        ("latent_cycle", "sensors", 64),
        ("full_cycle", "members", 1),
        ("full_cycle", "members", 2),
        ("full_cycle", "grid", 16),
        ("full_cycle", "grid", 32),
    ]
    assert all(row["ms"] > 0 and row["memory_mb"] > 0 for row in document["rows"])
    assert len(document["exponents"]) == 4
