"""The benches of the smoother and of the rules, small: real truths, and figures that must hold."""

import fresh
import pytest
import rules
import smoother
import torch


@pytest.fixture(scope="module")
def bench(tsunami):
    with torch.inference_mode():
        yield smoother.Bench(tsunami, torch.device("cpu"))


def test_layouts_are_as_good_as_the_surrogate(bench, monkeypatch):
    """One truth; LD-EnSF is not where sensors stand along a line."""
    monkeypatch.setattr(smoother, "LAYOUTS", ("line",))
    rows = smoother.layouts(bench, 1)
    assert [(row["sensors"], row["layout"]) for row in rows] == [(100, "line"), (25, "line")]
    for row in rows:
        assert row["error_over_floor"] < 1.25
        assert row["ld_ensf_error"] > 5 * row["error"]


def test_few_sensors_leave_what_the_posterior_leaves(bench, monkeypatch):
    """On a coarse grid; one truth, so that the error may be a few times what is expected."""
    monkeypatch.setattr(fresh, "GRID", {2: 20})
    for row in smoother.few(bench, 1):
        assert 0 < row["error_over_both"] < 4


def test_a_wild_value_is_of_no_consequence(bench):
    """Nor is it that only one variable is measured."""
    rows = {row["measured"]: row for row in smoother.values(bench, 1)}
    assert len(rows) == 7
    assert all(row["over_all"] < 1.2 for row in rows.values())


def test_intervals_are_of_all_parameters(bench):
    """A truth is inside or not."""
    for row in smoother.parameters(bench, 1):
        assert {row["source_x"], row["source_y"]} <= {0.0, 1.0}


def test_a_wrong_model_is_told(bench, monkeypatch):
    """Deeper water and a source out of reach are, the benchmark's own physics are not."""
    some = {"deeper-water": bench.benchmark.model_errors["deeper-water"]}
    monkeypatch.setattr(type(bench.benchmark), "model_errors", some)
    good, *wrong = smoother.flag(bench, 1)
    assert (good["runs"], good["told"]) == (5, 0)
    assert [row["told"] for row in wrong] == [1, 1]


def test_rules_have_their_order(bench):
    """The unscaled loop is far off; encoder and gaussian rule are alike."""
    rows = {row["filter"]: row for row in rules._rows(bench, 1)}
    assert rows["encoder"]["error"] == pytest.approx(rows["gaussian"]["error"], rel=0.2)
    assert rows["unscaled"]["error"] > 5 * rows["published"]["error"]
    assert rows["latent-smoother"]["error"] <= 1.1 * rows["gaussian"]["error"]
