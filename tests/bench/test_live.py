"""A short form of what is run for minutes on a GPU: real workers, real weights."""

import json
import time

import live
import pytest
import torch
import typer
from typer.testing import CliRunner

from ldensf_app.race import Race
from ldensf_app.setup import Setup

pytestmark = pytest.mark.alone

CPU = torch.device("cpu")


@pytest.fixture
def race():
    race = Race()
    yield race
    race.close()
    for worker in race.workers:
        worker.join(timeout=30)


@pytest.fixture
def visitor():
    filters = ["ld-ensf", "latent-etkf", "none"]
    return live.Visitor(0, ["tsunami"], filters, "cpu", time.monotonic() + 300, live.Diary())


def test_a_default_scene_ends_as_it_does_in_one_thread(visitor, race):
    visitor._play(race, default=True)
    diary = visitor.diary
    assert (diary.runs, diary.finished, diary.failures) == (1, 1, [])
    assert diary.cycles == 2 * 51 and len(diary.first_cycles) == 1
    row = live.row("tsunami", "ld-ensf", diary, 0.5, CPU)
    assert row["scenes"] == 1 and row["apart"] <= live.ALIKE
    assert 0 < row["live_ms"] <= row["live_ms_90"] and row["decode_ms"] > 0
    assert row["live/bench"] == pytest.approx(row["live_ms"] / 0.5)
    diary.estimates["tsunami", "ld-ensf"][0] = 1.01 * diary.estimates["tsunami", "ld-ensf"][0]
    assert live.row("tsunami", "ld-ensf", diary, None, CPU)["apart"] > 1e-3


def test_what_fails_is_counted(visitor, race, monkeypatch):
    def fail(self, kind):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Setup, "experiment", fail)
    visitor._play(race, default=True)
    assert len(visitor.diary.failures) == 1 and "capturing" in visitor.diary.failures[0]
    assert visitor.diary.runs == 0


def test_two_visitors_for_some_seconds(monkeypatch):
    monkeypatch.setattr(live, "timed_alone", lambda *_: {})  # another test is about it
    app = typer.Typer()
    app.command()(live.main)
    arguments = "--visitors 2 --seconds 4 --benchmark tsunami --filters ld-ensf --device cpu --json"
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)["summary"]
    assert summary["failures"] == 0 and summary["cycles"] > 0
    assert summary["after"]["threads"] <= summary["before"]["threads"]
