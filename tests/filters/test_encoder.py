"""The filter whose members are draws of what the encoder says."""

import pytest
import torch

from ldensf_core.encoders import ObservationHistory
from ldensf_core.filters import EncoderAlone, FreeRun
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import relative_rmse


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 10, 10)


def some_cycles(filter_, network, truth, members=20, seed=1, cycles=4):
    filter_.reset(members, seed)
    for index in range(cycles):
        if index:
            filter_.forecast()
        filter_.analyse(network.observe(truth[index], index, 0.1, 0.0, seed=11))
    return filter_


def test_members_are_draws_from_what_the_encoder_says(tsunami, model, network, truths):
    """Mean, standard deviation and no correlation, against an encoder that reads the same."""
    members, history = 20_000, ObservationHistory(tsunami, model.encoder)
    filter_ = some_cycles(EncoderAlone(model), network, truths[0], members)
    history.reset()
    with torch.inference_mode():
        for index in range(4):
            history.take(network.observe(truths[0, index], index, 0.1, 0.0, seed=11))
            y, sigma = history.encode()
    drawn = (filter_.state - model.encoder.mean) / model.encoder.std
    # After four observations no parameter is near its bounds.
    error = sigma / members**0.5
    assert ((drawn.mean(0) - y).abs() < 5 * error).all()
    torch.testing.assert_close(drawn.std(0), sigma, rtol=0.04, atol=0)
    off_diagonal = torch.corrcoef(drawn.T) - torch.eye(len(y))
    assert off_diagonal.abs().max() < 0.04


def test_the_forecast_is_dropped(model, network, truths):
    """Whatever the members were, the same draws follow."""
    after = []
    for value in (0.0, 0.7):
        filter_ = EncoderAlone(model)
        filter_.reset(5, seed=3)
        with torch.inference_mode():
            filter_.state.fill_(value)
        filter_.analyse(network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11))
        after.append(filter_.state)
    assert torch.equal(*after)


def test_prior_before_and_dynamics_between_observations(model, network, truths):
    filter_, free = EncoderAlone(model), FreeRun(model)
    for one in (filter_, free):
        one.reset(5, seed=2)
        one.forecast()
    assert torch.equal(filter_.state, free.state)
    nothing = network.observe(truths[0, 2], 2, 0.1, missing=1.0, seed=0)
    filter_.cycle(network.observe(truths[0, 2], 2, 0.1, 0.0, seed=11))
    n = model.ldnet.n_latent
    with torch.inference_mode():
        expected = model.ldnet.step(filter_.latent, filter_.parameters)
    parameters = filter_.state[:, n:].clone()
    filter_.cycle(nothing)
    torch.testing.assert_close(filter_.latent, expected)
    assert torch.equal(filter_.parameters, parameters)


@pytest.mark.parametrize("truth", [0, 2])
def test_it_locks_on(tsunami, model, network, truths, truth):
    found, free = (
        some_cycles(kind(model), network, truths[truth], cycles=51)
        for kind in (EncoderAlone, FreeRun)
    )
    errors = [relative_rmse(tsunami, f.estimate().mean, truths[truth, 50]) for f in (found, free)]
    assert errors[0] < 0.1 * errors[1]


def test_parameters_stay_in_the_prior(model):
    """Where the encoder's draws reach beyond it."""
    filter_ = EncoderAlone(model)
    filter_.reset(200, seed=0)
    size = len(model.encoder.mean)
    filter_.y, filter_.sigma = torch.full((size,), 2.0), torch.ones(size)
    with torch.inference_mode():
        filter_.correct()
    assert filter_.parameters.abs().max() == 1
    assert filter_.parameters.min() < 1


def test_nan_of_the_encoder_leaves_the_forecast(model):
    filter_ = EncoderAlone(model)
    filter_.reset(5, seed=0)
    before = filter_.state.clone()
    size = len(model.encoder.mean)
    filter_.y, filter_.sigma = torch.zeros(size), torch.full((size,), 0.1)
    filter_.y[1], filter_.sigma[2] = torch.nan, torch.nan
    with torch.inference_mode():
        filter_.correct()
    assert torch.equal(filter_.state[:, 1:3], before[:, 1:3])
    assert filter_.state.isfinite().all()
    assert not torch.equal(filter_.state[:, 3:], before[:, 3:])


def test_same_seed_same_run(model, network, truths):
    first, again, other = (
        some_cycles(EncoderAlone(model), network, truths[0], seed=seed).state for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_cycle_is_forecast_and_analysis(model, network, truths):
    apart = some_cycles(EncoderAlone(model), network, truths[0])
    together = EncoderAlone(model)
    together.reset(20, seed=1)
    together.analyse(network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11))
    for index in range(1, 4):
        together.cycle(network.observe(truths[0, index], index, 0.1, 0.0, seed=11))
    assert torch.equal(together.state, apart.state)
