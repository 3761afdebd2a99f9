"""Innovations against the formula with the whole matrix, and against draws."""

import math

import pytest
import torch

from ldensf_core.observations import Innovation, SensorNetwork
from ldensf_core.observations.innovation import disagreement, innovation, normalised_square
from ldensf_core.observations.observation import Observation


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 3, 2)


def observation(tsunami, network, y, noise=0.1):
    """Of normalised values y (n, V)."""
    std, mean = tsunami.std(y), tsunami.mean(y)
    return Observation(3, network, mean + std * y, noise * std)


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_formula(tsunami, network):
    """With gaps, all variables and each alone; the whole covariance inverted."""
    members, y = draws(5, 6, 3), draws(6, 3, seed=1)
    y[2, 1], y[4, 0] = torch.nan, torch.nan
    error = 0.3 * torch.rand(6, 3, generator=torch.Generator().manual_seed(2))
    found = innovation(tsunami, members, observation(tsunami, network, y), error)
    present = ~y.isnan()
    assert found.counts == (5, 5, 6)
    for i in range(4):
        kept = present if i == 0 else present & (torch.arange(3) == i - 1)
        a = members[:, kept].double()
        s = a.T.cov() + torch.diag((0.01 + error)[kept].double())
        r = y[kept].double() - a.mean(0)
        assert found.squares[i] == pytest.approx(float(r @ torch.linalg.solve(s, r)), rel=1e-4)


def test_its_expectation_is_one(tsunami, network):
    """Truth and members drawn alike, noise as stated: the mean of many is 1."""
    found = []
    for seed in range(200):
        both = 0.3 * draws(401, 6, 3, seed=seed)
        y = both[0] + 0.1 * draws(6, 3, seed=1000 + seed)
        found.append(innovation(tsunami, both[1:], observation(tsunami, network, y)))
    total = sum(i.squares[0] for i in found) / sum(sum(i.counts) for i in found)
    # χ² of 3,600 values, and the covariance is of 400 members.
    assert total == pytest.approx(1.0, abs=5 * math.sqrt(2 / 3600) + 18 / 400)


def test_one_member_has_no_spread(tsunami, network):
    """Only the errors of observation and model are left."""
    y = draws(6, 3)
    found = innovation(tsunami, torch.zeros(1, 6, 3), observation(tsunami, network, y), 0.03)
    assert found.squares[0] == pytest.approx(float(y.square().sum() / 0.04), rel=1e-5)


def test_the_latest_ten_count():
    """Weighted by their numbers of measurements; of one variable where asked for."""
    early = [Innovation((5, 5), (1000.0, 900.0, 100.0))] * 3
    late = [None, *[Innovation((2, 1), (6.0, 2.0, 4.0))] * 10]
    assert normalised_square(early + late) == pytest.approx(2.0)
    assert normalised_square(early + late, 0) == pytest.approx(1.0)
    assert normalised_square(early + late, 1) == pytest.approx(4.0)
    assert math.isnan(normalised_square([None]))


def test_it_says_when_observations_disagree():
    """Few measurements must disagree more."""
    many = [Innovation((3000,), (68 * 3000.0, 68 * 3000.0))]
    assert disagreement(many, 1.05) == (
        "the observations disagree with this model: χ²/n = 68 where 1 is expected."
    )
    assert disagreement([Innovation((3000,), (1.1 * 3000.0,) * 2)], 1.05) is None
    assert disagreement([Innovation((3,), (9.0, 9.0))], 1.05) is None
    assert disagreement([None], 1.05) is None
