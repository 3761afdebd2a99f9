"""The comparison of decoders in miniature."""

import json

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from bench import decoders

COMMAND = Typer()
COMMAND.command()(decoders.main)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run it on a small tsunami; matrix products keep the precision that they had."""
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)

    def call(*options, seconds="1"):
        fixed = ["--benchmark", "tsunami", "--seconds", seconds, "--small", "--device", "cpu"]
        return CliRunner().invoke(COMMAND, [*fixed, "--folder", str(tmp_path), *options])

    return call


def test_rows_of_both_decoders_in_the_time_asked(run):
    result = run("--json")
    assert result.exit_code == 0, result.output
    ours, shipped = json.loads(result.stdout)["rows"]
    assert list(ours) == list(shipped)
    assert ours["decoder"] == "coordinates" and shipped["decoder"].startswith("spectral")
    assert 0.1 < ours["seconds"] < 10
    assert ours["joint_steps"] >= 1 and ours["decoder_steps"] > ours["joint_steps"]
    assert 0.3 < ours["validation"] < 3 and 0.3 < ours["test"] < 3
    assert shipped["test"] < 0.03  # from the card
    assert ours["decode_ms"] > 0 and ours["timed_members"] == 2
    assert shipped["decode_ms"] > 0 and shipped["timed_members"] == 100


def test_finished_run_is_read_back_and_another_refused(run):
    first = run("--json")
    again = run("--json")
    rows = [json.loads(result.stdout)["rows"][0] for result in (first, again)]
    kept = ("parameters", "joint_steps", "decoder_steps", "seconds", "validation", "test")
    assert [rows[0][key] for key in kept] == [rows[1][key] for key in kept]
    other = run(seconds="2")
    assert isinstance(other.exception, ValueError)
    assert "holds a training for other arguments" in str(other.exception)


def test_table_has_a_line_for_each_row(run):
    lines = run().stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["benchmark", "tsunami", "tsunami"]
    assert len({len(line) for line in lines}) == 1


def test_timing_leaves_the_network_as_it_was():
    bench, recipe = decoders.miniature("tsunami")
    training = decoders.SurrogateTraining(bench, recipe, 0, torch.device("cpu"))
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    for stage in decoders.STAGES:
        assert decoders.seconds_a_step(training, stage, 3) > 0
    after = training.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.requires_grad for p in training.model.parameters())
