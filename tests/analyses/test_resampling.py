"""Ensembles of another size, against the moments of the one that they are made of."""

import numpy as np
import pytest
import torch

from ldensf_core.analyses.resampling import resampled


def generator(seed):
    return torch.Generator().manual_seed(seed)


def ensemble(n=6, seed=3):
    """Correlated members about a mean that is not zero."""
    mixing = torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.5, -0.4], [0.0, 0.0, 0.1]])
    return torch.randn(n, 3, generator=generator(seed)) @ mixing + torch.tensor([2.0, -1.0, 0.0])


def test_fewer_are_a_random_part_without_repeats():
    before, counts = ensemble(6), np.zeros(6)
    for seed in range(600):
        after = resampled(before, 4, generator(seed))
        (chosen,) = np.nonzero((before[:, None] == after).all(-1).any(1).numpy())
        assert len(chosen) == 4 and torch.equal(after, before[chosen])
        counts[chosen] += 1
    error = np.sqrt(600 * 4 / 6 * 2 / 6)
    assert np.abs(counts - 400).max() < 4 * error


@pytest.mark.parametrize("n, members", [(6, 15), (6, 7), (2, 5)])
def test_more_have_the_same_mean_and_covariance_in_expectation(n, members):
    before, draws = ensemble(n), 20_000
    found = np.stack([resampled(before, members, generator(s)).numpy() for s in range(draws)])
    assert np.array_equal(found[:, :n], np.broadcast_to(before.numpy(), (draws, n, 3)))
    deviations = found - found.mean(axis=1, keepdims=True)
    covariances = np.einsum("sma,smb->sab", deviations, deviations) / (members - 1)
    for values, expected in (
        (found.mean(axis=1), before.numpy().mean(axis=0)),
        (covariances, np.cov(before.numpy().T)),
    ):
        error = values.std(axis=0) / draws**0.5
        assert (np.abs(values.mean(axis=0) - expected) < 5 * error + 1e-6).all()


def test_new_members_differ_and_are_combinations_of_the_old():
    """Three members span a plane in three dimensions, which no new one leaves."""
    before = ensemble(3).double()
    after = resampled(before, 9, generator(0))
    assert len({tuple(row) for row in after.tolist()}) == 9
    normal = torch.linalg.cross(before[1] - before[0], before[2] - before[0])
    assert ((after - before[0]) @ normal).abs().max() < 1e-12


def test_of_one_member_there_are_copies():
    before = ensemble(1)
    assert torch.equal(resampled(before, 4, generator(0)), before.expand(4, 3))


@pytest.mark.parametrize("members", [3, 9])
def test_the_same_seed_gives_the_same_members(members):
    one, same, other = (resampled(ensemble(6), members, generator(s)) for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
