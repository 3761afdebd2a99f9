"""Cost of trajectories and training on the published split, in miniature."""

import json

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from bench import training_sets

COMMAND = Typer()
COMMAND.command()(training_sets.main)


@pytest.fixture(autouse=True)
def keep_precision(monkeypatch):
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)


def run(*options):
    fixed = ["--benchmark", "tsunami", "--small", "--device", "cpu", "--json"]
    result = CliRunner().invoke(COMMAND, [*fixed, *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["rows"][0]


def test_row_of_a_brief_training():
    row = run("--share", "0.1")
    assert row["runs"] == 3 and row["steps"] == 12
    assert 0 < row["simulate_s"] < 60 and row["training_s"] > 0 and row["peak_gpu_gib"] is None
    assert row["kept_mb"] == pytest.approx(3 * 51 * 192 * 4 / 1e6)
    assert 0.3 < row["validation"] < 3 and 0.3 < row["test"] < 3
    assert row["shipped_test"] < 0.0168


def test_without_training():
    row = run("--share", "0")
    assert row["steps"] == 0 and row["validation"] is None
