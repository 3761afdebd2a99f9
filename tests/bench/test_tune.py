"""Tuning on a coarse grid, so that a run takes a second."""

import json
import math

import pytest
from typer import Typer
from typer.testing import CliRunner

from bench import tune
from ldensf_core.benchmarks import Tsunami

COMMAND = Typer()
COMMAND.command()(tune.main)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    basin = Tsunami(24)
    monkeypatch.setattr("ldensf_core.verification.sweep.get_benchmark", lambda _: basin)


def run(*options):
    return CliRunner().invoke(COMMAND, ["--truths", "1", "--members", "4", *options])


def test_best_values_come_first():
    options = ("--values", "radius=1,200", "--values", "inflation=1.1", "--json")
    document = json.loads(run(*options).stdout)
    assert set(document) == {"rows", "environment"}
    rows = document["rows"]
    assert [row["radius"] for row in rows] == [200, 1]  # 1 km is next to no assimilation
    assert rows[0]["crps"] < 0.8 * rows[1]["crps"]
    for row in rows:
        assert row["inflation"] == 1.1 and row["filter"] == "letkf"
        assert set(tune.SCORES) < set(row)


def test_other_filters_are_tuned_too():
    values = "--values", "steps=30", "--values", "epsilon=0.1"
    head, line = run("--filter", "ensf", *values).stdout.splitlines()
    assert head.split()[:6] == ["benchmark", "filter", "members", "sensors", "truths", "steps"]
    assert line.split()[:6] == ["tsunami", "ensf", "4", "100", "1", "30"]


def test_values_are_combined_with_those_by_default():
    rows = tune.combinations("letkf", "tsunami", ["inflation=1,1.5"])
    assert [(row["inflation"], row["radius"]) for row in rows] == [
        (1, 75), (1, 100), (1, 150), (1.5, 75), (1.5, 100), (1.5, 150),
    ]  # fmt: skip
    assert {"inflation": 1.5, "radius": math.inf} in tune.combinations("letkf", "kolmogorov", [])
    assert tune.combinations("ensf", "tsunami", ["steps=50"]) == [
        {"steps": 50, "epsilon": 0.05},
        {"steps": 50, "epsilon": 0.3},
    ]
    assert tune.combinations("ld-ensf", "tsunami", ["rule=gaussian,published"]) == [
        {"rule": "gaussian"},
        {"rule": "published"},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--filter", "kalman"), "filter 'kalman' is unknown; there are ld-ensf"),
        (("--filter", "ld-ensf"), "filter 'ld-ensf': say which values to try, of rule"),
        (("--values", "width=1"), "option 'width' is unknown; letkf has inflation, radius"),
        (("--values", "radius=1,wide"), "value 'wide': a number is needed"),
    ],
)
def test_what_cannot_be_tuned_is_named(options, message):
    result = run(*options)
    with pytest.raises(ValueError, match=message):
        raise result.exception
