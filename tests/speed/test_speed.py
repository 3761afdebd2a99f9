"""The published loop against the collapsed rule, counted work against torch's own count, rows."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from ldensf_core import cli
from ldensf_core.filters import LDEnSF
from ldensf_core.observations import SensorNetwork
from ldensf_core.speed import Cost, Peak, PublishedLoop, bench, cycle_cost, measured_peak, table

pytestmark = pytest.mark.alone

CPU = torch.device("cpu")
ROW = [
    "benchmark", "implementation", "members", "device", "cycle_ms", "cycle_ms_10", "cycle_ms_90",
    "forecast_ms", "analysis_ms", "encode_ms", "peak_memory_mb", "operations", "bytes", "limit_ms",
]  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(table, "SECONDS", 0.01)
    monkeypatch.setattr(table, "measured_peak", lambda device: Peak(1e9, 1e9))


@pytest.fixture(scope="module")
def observed(tsunami, truths):
    network = SensorNetwork.grid(tsunami, 10, 10)
    return [network.observe(fields, i, 0.1, 0.0, seed=0) for i, fields in enumerate(truths[0])]


def test_published_loop_is_the_published_rule(model, observed):
    """By the moments of large ensembles; the one draw on the observation is the same."""
    loop, rule = PublishedLoop(model, observed[0]), LDEnSF(model, "published")
    for filter_ in (loop, rule):
        filter_.reset(4000, seed=0)
        filter_.analyse(observed[0])
    std = model.encoder.std[: model.ldnet.n_latent]
    difference = (loop.latent.mean(0) - rule.latent.mean(0)) / std
    assert difference.abs().max() < 0.02
    torch.testing.assert_close(loop.latent.std(0), rule.latent.std(0), rtol=0.05, atol=0)


@pytest.mark.parametrize("members", [1, 300])
def test_operations_are_those_that_torch_counts(model, observed, members):
    """It counts products of matrices, we their biases and the analysis too."""
    filter_ = LDEnSF(model)
    filter_.reset(members, seed=0)
    filter_.analyse(observed[0])
    with FlopCounterMode(display=False) as counter:
        filter_.cycle(observed[1])
    assert counter.get_total_flops() > 0
    cost = cycle_cost(model, members, sensors=filter_.history.room)
    # A product with one vector is none of a matrix for torch: of the encoder only some count.
    alone = cycle_cost(model, 0, sensors=filter_.history.room).operations
    assert cost.operations - alone == pytest.approx(
        members * (2 * sum(p.numel() for p in model.ldnet.dynamics.parameters()) + 12 * 12)
    )
    counted = counter.get_total_flops()
    assert cost.operations - alone < 1.1 * counted and counted < 1.01 * cost.operations


def test_cost_takes_the_longer_of_both():
    cost = Cost(operations=2e6, bytes=1e6)
    assert cost.milliseconds(Peak(operations=1e9, bytes=1e9)) == pytest.approx(2.0)
    assert cost.milliseconds(Peak(operations=1e12, bytes=1e9)) == pytest.approx(1.0)


def test_peak_is_plausible():
    peak = measured_peak(CPU, size=256)
    assert 1e8 < peak.operations < 1e13 and 1e8 < peak.bytes < 1e12


def test_a_row_for_each_implementation_and_size(quick):
    rows = bench("tsunami", (2, 30), full_space_members=2, device="cpu")
    named = [(row["implementation"], row["members"]) for row in rows]
    assert named == [
        ("this", 2),
        ("published-loop", 2),
        ("full-space-ensf", 2),
        ("this", 30),
        ("published-loop", 30),
    ]
    for row in rows:
        assert list(row) == ROW
        assert 0 < row["cycle_ms_10"] <= row["cycle_ms"] <= row["cycle_ms_90"]
        assert row["forecast_ms"] > 0 and row["analysis_ms"] > 0 and row["peak_memory_mb"] > 0
        latent = row["implementation"] != "full-space-ensf"
        assert (row["encode_ms"] is not None) == latent == (row["limit_ms"] is not None)
    slower = max(rows[0]["operations"], rows[0]["bytes"])
    assert rows[0]["limit_ms"] == pytest.approx(1e3 * slower / 1e9)


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"members": (0,)}, r"members \[0\]: whole numbers of at least 1"),
        ({"members": ()}, r"members \[\]: whole numbers of at least 1"),
        ({"members": 20.5}, r"members \[20.5\]: whole numbers of at least 1 are needed"),
        ({"members": ("20",)}, r"members \['20'\]: whole numbers of at least 1 are needed"),
        ({"members": (True,)}, r"members \[True\]: whole numbers of at least 1"),
        (
            {"implementations": None},
            "filter None: a name, a class or an object of Filter is needed",
        ),
        ({"full_space_members": "all"}, "full_space_members = 'all': a whole number"),
        ({"sensors": 2.5}, "n = 2.5 sensors: at least 1"),
        ({"device": None}, "device None is unknown; there are auto, cpu, cuda"),
        ({"implementations": ("fast",)}, r"implementations \['fast'\]: choose of this, published"),
        ({"implementations": ()}, "choose of this"),
        ({"sensors": 0}, "0"),
        ({"device": "gpu"}, "device 'gpu' is unknown"),
    ],
)
def test_what_is_refused(quick, asked, message):
    with pytest.raises(ValueError, match=message):
        bench("tsunami", **({"device": "cpu"} | asked))


def test_on_the_command_line(quick):
    asked = ["bench", "--benchmark", "tsunami", "--members", "3", "--implementations", "this"]
    result = CliRunner().invoke(cli.app, [*asked, "--device", "cpu", "--json"])
    document = json.loads(result.stdout)
    assert [list(row) for row in document["rows"]] == [ROW]
    assert document["environment"]["threads"] == 1


def test_sizes_that_are_no_numbers_are_named():
    result = CliRunner().invoke(cli.app, ["bench", "--benchmark", "tsunami", "--members", "3,many"])
    assert "members '3,many': whole numbers" in str(result.exception)
