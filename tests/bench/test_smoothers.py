"""Rivals of the latent smoother, where the answer is known, and on one run of the tsunami."""

import itertools
import json
import math

import pytest
import torch

from bench import smoothers
from ldensf_core.analyses.score import euler_loop
from ldensf_core.filters.latent_smoother import LatentSmoother
from ldensf_core.observations import SensorNetwork
from rivals import data as problem
from rivals import methods
from rivals.data import Data, through_decoder

NOISE, TRUTH = 1.0, torch.tensor([0.25, -0.3])


def linear(sensors, noise=NOISE, snapshots=3):
    """Data y = G u + e of (snapshots × sensors) values: their mean and covariance are known."""
    generator = torch.Generator().manual_seed(0)
    operator = torch.randn(snapshots * sensors, 2, generator=generator)
    y = operator @ TRUTH + noise * torch.randn(len(operator), generator=generator)
    ends = tuple(sensors * (i + 1) for i in range(snapshots))
    data = Data(
        y,
        ends,
        lambda u, n: u @ operator[: ends[n - 1]].mT,
        lambda u: torch.full((len(u), len(y)), noise**2),
    )
    precision = operator.mT @ operator / noise**2 + 3 * torch.eye(2)
    covariance = precision.inverse()
    return data, covariance @ operator.mT @ y / noise**2, covariance


@pytest.mark.parametrize("name", ["draws, 100", "es-mda, 100", "ienks", "rml", "4denvar"])
def test_a_linear_problem_has_a_gaussian_answer(name):
    rival = methods.RIVALS[name]
    data, mean, covariance = linear(sensors=40)
    generator = torch.Generator().manual_seed(1)
    # Enough members that chance hardly matters, also where the script takes few.
    prior = 2 * torch.rand(max(rival.drawn, 400), 2, generator=generator) - 1
    members = rival.fit(data, prior, generator)
    deviation = covariance.diagonal().sqrt()
    assert ((members.mean(0) - mean).abs() < 0.25 * deviation).all()
    torch.testing.assert_close(members.std(0), deviation, rtol=0.25, atol=0)


def test_the_explicit_score_filter_is_the_published_one(monkeypatch):
    monkeypatch.setattr(problem, "BEYOND", math.inf)
    y, sigma = torch.tensor([0.4, -0.1]), torch.tensor([0.3, 0.3])
    data = Data(y, (2,), lambda u, _: u, lambda u: sigma.square().expand_as(u))
    prior = torch.randn(30, 2, generator=torch.Generator().manual_seed(2))
    members = methods.score(data, prior, torch.Generator().manual_seed(3))
    expected = euler_loop(prior, y, sigma, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(members, expected, rtol=1e-3, atol=1e-3)


def test_only_an_implicit_score_filter_follows_sharp_data():
    data, mean, _ = linear(sensors=40, noise=0.01)
    prior = 2 * torch.rand(20, 2, generator=torch.Generator().manual_seed(4)) - 1
    explicit, implicit = (
        methods.score(data, prior, torch.Generator().manual_seed(5), implicit=i) - mean
        for i in (False, True)
    )
    assert implicit.abs().max() < 0.05 < 0.5 < explicit.abs().mean()


def test_pruning_leaves_the_mode_that_fits():
    """A square has a mode near each root; the second value fits only one of them."""
    data = Data(
        torch.tensor([0.54, 0.14]),
        (2,),
        lambda u, _: torch.stack([u[:, 0].square() - 0.1 * u[:, 0], 0.2 * u[:, 0]], dim=1),
        lambda u: torch.full((len(u), 2), 0.01**2),
    )
    prior = torch.linspace(-1, 1, 20)[:, None]
    all_, pruned = (
        methods.rml(data, prior, torch.Generator().manual_seed(8), pruned=p) for p in (False, True)
    )
    assert (all_ < -0.6).any() and (pruned - 0.785).abs().max() < 0.03
    assert pruned.shape == all_.shape == (20, 1)


@torch.inference_mode()
def test_fits_agree_with_the_shipped_smoother_and_with_a_fine_grid(model, true_parameters):
    """100 sensors in the first eight snapshots of the tsunami leave one narrow mode."""
    benchmark = model.benchmark
    fields = itertools.islice(benchmark.snapshots(true_parameters[1:2]), 8)
    network = SensorNetwork.grid(benchmark, 10, 10)
    observations = [network.observe(f[0], i, 0.1, 0.0, 1) for i, f in enumerate(fields)]
    data = through_decoder(model, observations)
    truth = benchmark.unit_parameters(true_parameters)[1]
    side = torch.linspace(-0.006, 0.006, 17)
    grid = truth + torch.cartesian_prod(side, side)
    variance = data.variance(grid)
    squares = (data.y - data.values(grid)).square() / variance
    weights = torch.softmax(-(squares + variance.log()).double().sum(1) / 2, dim=0).float()
    mean = weights @ grid
    deviation = (weights @ (grid - mean).square()).sqrt()
    generator = torch.Generator().manual_seed(6)
    near = truth + 0.1 * (2 * torch.rand(40, 2, generator=generator) - 1)
    fits = {
        "shipped": smoothers.shipped(model, observations, (5, 8), seed=0)[0][1][1],
        "rml": methods.rml(data, near, generator),
        "ienks": methods.ienks(data, near, generator),
    }
    for name, members in fits.items():
        assert ((members.mean(0) - mean).abs() < 0.6 * deviation).all(), name
        torch.testing.assert_close(members.std(0), deviation, rtol=0.4, atol=0, msg=name)


def test_a_row_of_each_method(tsunami, model, monkeypatch, capsys):
    monkeypatch.setattr(smoothers, "load_pretrained", lambda *_: model)
    monkeypatch.setattr(tsunami, "times", tsunami.times[:6])
    monkeypatch.setattr(smoothers, "EARLY", 3)
    names = "latent-smoother;es-mda"
    smoothers.main("tsunami", "grid 100,cluster 25", names, truths=1, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"rows", "environment"}
    rows = {(row["sensors"], row["method"]): row for row in document["rows"]}
    assert len(rows) == 4
    shipped = rows["grid 100", LatentSmoother.name]
    assert shipped["history"] == "no" and rows["grid 100", "es-mda"]["history"] == "yes"
    assert shipped["error_end"] == pytest.approx(1, abs=0.1) and shipped["lost_end"] == 0


def test_a_cluster_is_a_small_patch_inside(tsunami):
    network = smoothers.placed(tsunami, "cluster 25", 3)
    extent = network.positions.max(0) - network.positions.min(0)
    sides = [axis.high - axis.low for axis in (tsunami.x, tsunami.y)]
    assert len(network) == 25 and (extent < 0.1 * torch.tensor(sides).numpy()).all()
