"""The benches of the smoother and of the rules, small: real truths, and figures that must hold."""

import json
import subprocess
import sys

import pytest


def printed(script, *arguments):
    command = [sys.executable, f"bench/{script}.py", "--device", "cpu", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["rows"]


def test_layouts_are_as_good_as_the_surrogate():
    """One truth; LD-EnSF is not where sensors stand along a line."""
    rows = {(r["sensors"], r["layout"]): r for r in printed("smoother", "--truths", "1")}
    assert len(rows) == 10
    for row in rows.values():
        assert row["error_over_floor"] < 1.25
    assert rows[100, "line"]["ld_ensf_error"] > 5 * rows[100, "line"]["error"]


def test_a_wild_value_is_of_no_consequence():
    """Nor is it that only one variable is measured."""
    rows = printed("smoother", "--part", "values", "--truths", "1")
    assert {r["measured"] for r in rows} >= {"all", "eta", "half-way"}
    assert all(r["over_all"] < 1.2 for r in rows)


def test_a_wrong_model_is_told():
    """Deeper water and another source are, the benchmark's own physics are not."""
    rows = printed("smoother", "--part", "flag", "--truths", "1")
    good, *wrong = rows
    assert (good["runs"], good["told"]) == (5, 0)
    assert all(row["told"] == row["runs"] for row in wrong)


def test_rules_have_their_order():
    """The unscaled loop is far off; encoder and gaussian rule are alike."""
    rows = {r["filter"]: r for r in printed("rules", "--truths", "1")}
    assert rows["encoder"]["error"] == pytest.approx(rows["gaussian"]["error"], rel=0.2)
    assert rows["unscaled"]["error"] > 5 * rows["published"]["error"]
    assert rows["latent-smoother"]["error"] <= 1.1 * rows["gaussian"]["error"]
