"""Filters whose number of members changes on the way."""

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.filters import (
    LETKF,
    EncoderAlone,
    Filter,
    FreeRun,
    LatentEnKF,
    LatentETKF,
    LatentSmoother,
    LDEnSF,
    free,
)
from ldensf_core.observations import SensorNetwork

CORRECTED = [LDEnSF, lambda model: LDEnSF(model, "published"), LatentETKF, LatentEnKF, EncoderAlone]
NAMES = ["gaussian", "published", "etkf", "enkf", "encoder"]


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 10, 10)


def observed(network, truths, index):
    return network.observe(truths[0, index], index, 0.1, 0.0, seed=11)


def follow(filter_, network, truths, cycles):
    """Through those cycles; before the first of all the filter is reset to five members."""
    for index in cycles:
        if index:
            filter_.cycle(observed(network, truths, index))
        else:
            filter_.reset(5, seed=1)
            filter_.analyse(observed(network, truths, index))
    return filter_


@pytest.mark.parametrize("members", [2, 12])
def test_the_free_run_is_one_that_always_had_so_many(model, members):
    resized, always = FreeRun(model), FreeRun(model)
    resized.reset(5, seed=4)
    always.reset(members, seed=4)
    for index in range(5):
        for filter_ in (resized, always) if index else ():
            filter_.forecast()
        if index == 3:
            resized.resize(members, seed=9)
    for one, other in zip(*map(parts, (resized, always)), strict=True):
        assert torch.equal(one, other)


def parts(filter_):
    estimate = filter_.estimate()
    return estimate.mean, estimate.spread, estimate.ensemble, estimate.parameters


@pytest.mark.parametrize("members", [2, 12])
def test_the_smoother_is_one_that_always_had_so_many(model, network, truths, members):
    """From the next observation on; until then with the same mean but for what is not linear."""
    resized = follow(LatentSmoother(model), network, truths, range(3))
    always = LatentSmoother(model)
    always.reset(members, seed=1)
    always.analyse(observed(network, truths, 0))
    for index in (1, 2):
        always.cycle(observed(network, truths, index))
    resized.resize(members, seed=9)
    assert torch.equal(resized.state, always.state)
    for filter_ in (resized, always):
        filter_.forecast()
        filter_.cycle(observed(network, truths, 4))
    for one, other in zip(*map(parts, (resized, always)), strict=True):
        assert torch.equal(one, other)


def test_before_any_observation_the_smoother_has_draws_of_the_prior(model):
    smoother, prior = LatentSmoother(model), FreeRun(model)
    for filter_, members in ((smoother, 5), (prior, 9)):
        filter_.reset(members, seed=2)
        filter_.forecast()
    smoother.resize(9, seed=0)
    assert torch.equal(smoother.state, prior.state)


@pytest.mark.parametrize("make", CORRECTED, ids=NAMES)
def test_fewer_members_are_some_of_them(model, network, truths, make):
    filter_ = follow(make(model), network, truths, range(3))
    before = {tuple(row) for row in filter_.state.tolist()}
    filter_.resize(3, seed=7)
    after = {tuple(row) for row in filter_.state.tolist()}
    assert len(after) == 3 and after < before


@pytest.mark.parametrize("make", CORRECTED, ids=NAMES)
def test_more_members_are_all_of_them_and_others(model, network, truths, make):
    filter_ = follow(make(model), network, truths, range(3))
    before = filter_.state.clone()
    filter_.resize(40, seed=7)
    assert torch.equal(filter_.state[:5], before)
    assert len({tuple(row) for row in filter_.state.tolist()}) == 40
    new, old = (np.linalg.norm(x - before.mean(0), axis=1) for x in (filter_.state[5:], before))
    assert 0.5 < np.sqrt((new**2).sum() / 35 / ((old**2).sum() / 4)) < 2


@pytest.mark.parametrize("make", CORRECTED, ids=NAMES)
@pytest.mark.parametrize("members", [1, 3, 12])
def test_the_filter_goes_on(model, network, truths, make, members):
    filter_ = follow(make(model), network, truths, range(3))
    filter_.resize(members, seed=7)
    assert filter_.estimate().innovation is None  # of the forecast before: it is no longer known
    follow(filter_, network, truths, range(3, 6))
    estimate = filter_.estimate()
    assert estimate.ensemble.shape == (members, 3, 150, 150)
    assert estimate.parameters.shape == (members, 2)
    assert all(part.isfinite().all() for part in (estimate.mean, estimate.spread))
    assert estimate.innovation is not None
    error = (estimate.mean - truths[0, 5]).norm() / truths[0, 5].norm()
    assert error < 0.5


def test_new_parameters_stay_within_the_prior(model):
    filter_ = LDEnSF(model)
    filter_.reset(3, seed=1)
    with torch.inference_mode():
        filter_.state[:, -2:] = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [0.9, 0.9]])
    filter_.resize(200, seed=2)
    assert filter_.parameters.abs().max() == 1
    assert (filter_.parameters.abs() < 1).any(dim=0).all()


@pytest.mark.parametrize("make", [FreeRun, LatentSmoother, LDEnSF], ids=["free", "smoother", "ld"])
def test_as_many_as_before_changes_nothing(model, network, truths, make):
    filter_ = follow(make(model), network, truths, range(2))
    state, estimate = filter_.state, filter_.estimate().mean
    filter_.resize(5, seed=3)
    assert filter_.state is state and torch.equal(filter_.estimate().mean, estimate)
    assert filter_.estimate().innovation is not None


@pytest.mark.parametrize("make", [FreeRun, LatentSmoother, LDEnSF], ids=["free", "smoother", "ld"])
def test_a_reset_forgets_it(model, network, truths, make):
    expected = follow(make(model), network, truths, range(3)).estimate().mean
    filter_ = follow(make(model), network, truths, range(2))
    filter_.resize(9, seed=3)
    assert torch.equal(follow(filter_, network, truths, range(3)).estimate().mean, expected)


@pytest.mark.parametrize("make", [FreeRun, LatentSmoother, LDEnSF], ids=["free", "smoother", "ld"])
def test_recordings_of_another_size_are_not_replayed(model, network, truths, monkeypatch, make):
    """On a GPU they work in the old buffers. Here a recording is the function itself."""

    class OnGPU(torch.Tensor):
        is_cuda = True

    made = []
    monkeypatch.setattr(
        free, "recorded", lambda function, *_: made.append(function) or (lambda: None)
    )
    filter_ = follow(make(model), network, truths, range(2))
    filter_.state = filter_.state.as_subclass(OnGPU)
    filter_.forecast()
    filter_.forecast()
    assert len(made) == 1
    filter_.resize(9, seed=3)
    filter_.state = filter_.state.as_subclass(OnGPU)
    filter_.forecast()
    assert len(made) == 2


def test_filters_without_the_method_say_so():
    with pytest.raises(ValueError, match="filter 'letkf': it cannot change its number of members"):
        LETKF(Tsunami(12)).resize(5, seed=0)
    assert LETKF.resize is Filter.resize
