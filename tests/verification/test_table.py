import math

import numpy as np
import pytest
import torch

from ldensf_core import SensorNetwork, TwinExperiment
from ldensf_core.device import environment
from ldensf_core.verification.sweep import verify
from ldensf_core.verification.table import as_text
from ldensf_core.verification.table import rows as as_rows

KEYS = (
    "benchmark filter members sensors layout variables noise every truths seed device rel_rmse "
    "rel_rmse_final crps spread_skill coverage90 parameter_error forecast_ms analysis_ms decode_ms"
).split()
SETTING = {"noise": 0.1, "members": 10, "seed": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def rows():
    return as_rows(verify("tsunami", ["ld-ensf", "none"], truths=1, layout="random", **SETTING))


def test_one_row_a_filter_with_these_keys(rows):
    assert [row["filter"] for row in rows] == ["ld-ensf", "none"]
    for row in rows:
        assert list(row) == KEYS
        assert (row["benchmark"], row["sensors"], row["layout"]) == ("tsunami", 100, "random")
        assert (row["noise"], row["every"], row["members"]) == (0.1, 1, 10)
        assert row["variables"] == "all"
        assert (row["truths"], row["seed"]) == (1, 2)
        assert row["device"].startswith("cpu (1 threads")


def test_ld_ensf_locks_on_and_no_assimilation_does_not(rows):
    filtered, free = rows
    assert filtered["rel_rmse_final"] <= 0.06
    assert filtered["rel_rmse"] < 0.1 * free["rel_rmse"]
    assert filtered["crps"] < 0.1 * free["crps"]
    assert filtered["parameter_error"] < 0.02 < free["parameter_error"]


def test_scores_are_plausible(rows):
    filtered, free = rows
    for row in rows:
        assert 0 < row["coverage90"] < 1
        assert row["forecast_ms"] > 0 and row["decode_ms"] > 0
    # Over one truth, the few large errors of the first cycles weigh most.
    assert 0.2 < filtered["spread_skill"] < 2.0
    assert filtered["analysis_ms"] > free["analysis_ms"] >= 0


def test_averages_are_those_of_the_experiment(tsunami, rows):
    """The same run, from the record of an experiment put together by hand."""
    twin = TwinExperiment(
        "tsunami",
        ["none", "ld-ensf"],
        SensorNetwork.random(tsunami, 100, seed=2),
        truth=tsunami.split("test").isel(trajectory=0),
        **SETTING,
    )
    result = twin.run()
    for row in rows:
        run = result.sel(filter=row["filter"])
        last = run.isel(time=slice(39, 51))  # of 51 snapshots, those from 0.75 · 51 on
        assert row["rel_rmse"] == pytest.approx(run.rel_rmse.mean().item(), rel=1e-4)
        assert row["rel_rmse_final"] == pytest.approx(last.rel_rmse.mean().item(), rel=1e-4)
        off = [
            abs(last[name + "_ensemble"].mean("member") - last[name]).mean() / 500
            for name in ("source_x", "source_y")
        ]
        assert row["parameter_error"] == pytest.approx(np.mean(off), rel=1e-3, abs=1e-6)
        variance = sum((run[v.name + "_spread"] ** 2).mean() / v.std**2 for v in tsunami.variables)
        square = sum(
            ((run[v.name + "_mean"] - run[v.name]) ** 2).mean() / v.std**2
            for v in tsunami.variables
        )
        ratio = math.sqrt(11 / 10 * variance / square)
        assert row["spread_skill"] == pytest.approx(ratio, rel=1e-3)


def test_what_is_undefined_is_none():
    """One member has no probability score."""
    setting = SETTING | {"members": 1}
    (row,) = as_rows(verify("tsunami", ["none"], truths=1, every=60, **setting))
    assert list(row) == KEYS
    assert row["crps"] is None
    assert row["rel_rmse"] > 0 and row["coverage90"] == 0.0


def test_environment_names_machine_and_versions():
    found = environment()
    assert found["torch"] == torch.__version__ and found["numpy"] == np.__version__
    assert found["threads"] == 1
    assert set(found) == {"python", "torch", "numpy", "platform", "cpu", "threads", "gpu"}


def test_text_is_aligned_under_the_names():
    rows = [{"filter": "none", "crps": 0.123456}, {"filter": "ld-ensf", "crps": None}]
    assert as_text(rows).splitlines() == [
        " filter    crps",
        "   none  0.1235",
        "ld-ensf       –",
    ]
