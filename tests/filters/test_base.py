import pytest
import torch

from ldensf_core.filters import Estimate


def undecoded():
    pytest.fail("the fields of all members were decoded")


@pytest.mark.parametrize("members", [2, 7])
def test_mean_and_spread_are_those_of_the_ensemble(members):
    fields = torch.randn(members, 3, 4, 5)
    estimate = Estimate(lambda: fields, torch.zeros(members, 2))
    assert estimate.ensemble is fields
    torch.testing.assert_close(estimate.mean, fields.mean(0))
    torch.testing.assert_close(estimate.spread, fields.std(0))


def test_one_member_has_no_spread():
    fields = torch.randn(1, 3, 4, 5)
    estimate = Estimate(lambda: fields, torch.zeros(1, 2))
    assert torch.equal(estimate.mean, fields[0])
    assert torch.equal(estimate.spread, torch.zeros(3, 4, 5))


def test_the_quicker_way_is_taken_once_and_for_both():
    taken = []
    mean, spread = torch.randn(3, 4, 5), torch.rand(3, 4, 5)
    estimate = Estimate(undecoded, torch.zeros(9, 2), lambda: taken.append(1) or (mean, spread))
    assert not taken  # on demand
    assert estimate.spread is spread and estimate.mean is mean and estimate.mean is mean
    assert len(taken) == 1


def test_the_ensemble_is_decoded_once():
    decoded = []
    estimate = Estimate(lambda: decoded.append(1) or torch.zeros(3, 1, 2, 2), torch.zeros(3, 2))
    assert estimate.ensemble is estimate.ensemble
    assert estimate.mean.shape == estimate.spread.shape == (1, 2, 2)
    assert len(decoded) == 1
