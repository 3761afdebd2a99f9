"""The table of surrogate errors, on a few runs."""

import json

import pytest
from typer import Typer
from typer.testing import CliRunner

from bench import surrogates
from ldensf_core.verification.baselines import BASELINES

COMMAND = Typer()
COMMAND.command()(surrogates.main)


def run(*options):
    fixed = ["--benchmark", "tsunami", "--runs", "4", "--device", "cpu"]
    return CliRunner().invoke(COMMAND, [*fixed, *options])


def test_surrogate_stands_beside_what_it_has_to_beat():
    document = json.loads(run("--json").stdout)
    assert set(document) == {"rows", "environment"}
    (row,) = document["rows"]
    noise = [f"noise {sigma:g}" for sigma in surrogates.NOISE]
    assert list(row) == ["benchmark", "surrogate", "published", *BASELINES, *noise, "device"]
    assert 0.001 < row[noise[0]] < row[noise[1]] < row[noise[2]] < row[noise[3]] < 3
    assert row["benchmark"] == "tsunami" and row["published"] == 0.0168
    assert 0.01 < row["surrogate"] < 0.03
    assert all(0.2 < row[name] < 2 for name in BASELINES)
    assert row["device"].startswith("cpu (1 threads")


def test_table_for_people():
    head, line = run().stdout.splitlines()
    assert "surrogate  published  climatology  nearest training run" in head
    assert line.split()[0] == "tsunami"


def test_unknown_benchmark_is_named():
    result = CliRunner().invoke(COMMAND, ["--benchmark", "atlantis"])
    with pytest.raises(ValueError, match="'atlantis' is unknown"):
        raise result.exception
