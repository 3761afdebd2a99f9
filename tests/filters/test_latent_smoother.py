"""The latent smoother on the solver's truths, and against the posterior on a fine grid."""

import math

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.filters import FreeRun, LatentSmoother
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.observations.innovation import disagreement, normalised_square
from ldensf_core.scores import relative_rmse, relative_spread

CORNER = [[600.0 + 90 * i, 560.0 + 95 * j] for i in range(5) for j in range(5)]


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 10, 10)


def observed(network, truth, index, noise=0.1, missing=0.0, variables=None):
    return network.observe(truth[index], index, noise, missing, seed=11, variables=variables)


def followed(filter_, network, truth, last=50, members=20, seed=1, change=None, **how):
    """The filter after all cycles up to ``last``, and the innovations on the way."""
    filter_.reset(members, seed)
    innovations = []
    for index in range(last + 1):
        observation = observed(network, truth, index, **how)
        if change is not None:
            observation = change(observation)
        if index:
            filter_.cycle(observation)
        else:
            filter_.analyse(observation)
        innovations.append(filter_.estimate().innovation)
    return innovations


def floor(model, tsunami, true_parameters, truth, index=50):
    """Error of the surrogate at the true parameters."""
    unit = tsunami.unit_parameters(true_parameters)[None]
    latent = model.ldnet.rollout(unit, index + 1)[0, index]
    return relative_rmse(tsunami, tsunami.denormalise(model.ldnet.decode(latent)), truth[index])


@torch.inference_mode()
@pytest.mark.parametrize("where", ["all over", "far corner", "25 at random", "eta alone"])
def test_it_reaches_the_surrogates_own_error(
    tsunami, model, network, truths, true_parameters, where
):
    """With any sensors, and knows how wrong it is."""
    sensors = {
        "far corner": SensorNetwork.at(tsunami, CORNER),
        "25 at random": SensorNetwork.random(tsunami, 25, seed=3),
    }.get(where, network)
    how = {"variables": ["eta"]} if where == "eta alone" else {}
    errors, floors, spreads = [], [], []
    for i in range(3):
        filter_ = LatentSmoother(model)
        followed(filter_, sensors, truths[i], **how)
        estimate = filter_.estimate()
        errors.append(relative_rmse(tsunami, estimate.mean, truths[i, 50]))
        spreads.append(relative_spread(tsunami, estimate.spread, truths[i, 50]))
        floors.append(floor(model, tsunami, true_parameters[i], truths[i]))
    assert np.mean(errors) < 1.25 * np.mean(floors)
    assert 0.7 < np.mean(spreads) / np.mean(errors) < 1.4


@torch.inference_mode()
def test_posterior_is_that_of_a_fine_grid(tsunami, model):
    """Two sensors, data of the surrogate itself: mean and covariance of the unknowns by quadrature.

    The grid's likelihood is Gaussian and of all data at once; the smoother saw one time after the
    other.
    """
    sensors = SensorNetwork.at(tsunami, [[400.0, 450.0], [700.0, 200.0]])
    predict, errors = model.at_sensors(sensors)
    unit, last = torch.tensor([[0.2, -0.4]]), 30
    path = model.ldnet.rollout(unit, last + 1)[0]
    fields = tsunami.denormalise(model.ldnet.decode(path))
    filter_ = LatentSmoother(model)
    followed(filter_, sensors, fields, last, members=400)
    side = torch.linspace(-1, 1, 61)
    mean = torch.zeros(2)
    for step in (1.0, 0.1, 0.015):  # finer and finer grids round the mean
        nodes = (mean[:, None] + step * side).clamp(-1, 1)
        u = torch.cartesian_prod(*nodes)
        runs, total = model.ldnet.rollout(u, last + 1), torch.zeros(len(u), dtype=torch.float64)
        factor = model.error.factor(u).square()[:, None]
        for index in range(last + 1):
            o = observed(sensors, fields, index)
            y = ((o.values - tsunami.mean(o.values)) / tsunami.std(o.values)).flatten()
            variance = 0.01 + 10.0 * factor * errors[index].flatten()
            r = predict(runs[:, index]).flatten(1) - y
            total -= 0.5 * (r.square() / variance + variance.log()).double().sum(1)
        p = total.softmax(0)
        mean = (p @ u.double()).float()
        deviation = (p @ (u - mean).double().square()).sqrt()
    found = filter_.parameters
    assert ((found.mean(0) - mean).abs() < 0.3 * deviation).all()
    torch.testing.assert_close(found.std(0).double(), deviation, rtol=0.15, atol=0)


@torch.inference_mode()
def test_one_sensor_leaves_it_unsure_and_it_says_so(tsunami, model, truths):
    """Early, many sources explain one gauge; the spread is as large as the error."""
    sensors = SensorNetwork.at(tsunami, [[500.0, 500.0]])
    ratios = []
    for i in range(4):
        filter_ = LatentSmoother(model)
        followed(filter_, sensors, truths[i], last=12)
        estimate = filter_.estimate()
        ratios.append(
            relative_spread(tsunami, estimate.spread, truths[i, 12])
            / relative_rmse(tsunami, estimate.mean, truths[i, 12])
        )
    assert 0.5 < np.exp(np.mean(np.log(ratios))) < 2.0


@torch.inference_mode()
def test_a_wild_value_costs_little(tsunami, model, network, truths):
    """Of 100 standard deviations and more, up to what netCDF fills gaps with, at one sensor."""

    def spoilt(observation):
        values = observation.values.clone()
        if observation.index % 5 == 0:
            wild = (100 * tsunami.variables[2].std, 1e30, 9.97e36)
            values[17, 2] += wild[observation.index % 3]
        return Observation(observation.index, observation.sensors, values, observation.std)

    errors = []
    for change in (None, spoilt):
        filter_ = LatentSmoother(model)
        followed(filter_, network, truths[0], change=change)
        errors.append(relative_rmse(tsunami, filter_.estimate().mean, truths[0, 50]))
    assert errors[1] < 1.2 * errors[0]


@torch.inference_mode()
def test_noise_may_differ_by_variable_and_values_be_missing(tsunami, model, network, truths):
    """A variable of much noise, and half of the values missing."""
    filter_ = LatentSmoother(model)
    followed(filter_, network, truths[1], noise=(0.05, 2.0, 0.3), missing=0.5)
    estimate = filter_.estimate()
    error = relative_rmse(tsunami, estimate.mean, truths[1, 50])
    assert error < 0.03
    assert relative_spread(tsunami, estimate.spread, truths[1, 50]) == pytest.approx(error, rel=0.6)


@torch.inference_mode()
def test_without_observations_it_is_the_prior(model, network, truths):
    """Its members are those of the free run; an observation without values changes nothing."""
    smoother, free = LatentSmoother(model), FreeRun(model)
    for filter_ in (smoother, free):
        filter_.reset(20, 5)
        for _ in range(3):
            filter_.forecast()
    smoother.analyse(observed(network, truths[0], 3, missing=1.0))
    torch.testing.assert_close(smoother.state, free.state)


@torch.inference_mode()
def test_late_observations_are_enough(tsunami, model, network, truths):
    """The first one at snapshot 20: centres are rolled out anew from the start."""
    filter_ = LatentSmoother(model)
    filter_.reset(20, 1)
    for index in range(1, 30):
        filter_.cycle(observed(network, truths[0], index) if index >= 20 else None)
    assert relative_rmse(tsunami, filter_.estimate().mean, truths[0, 29]) < 0.03


@torch.inference_mode()
def test_same_seed_same_run_and_a_cycle_is_forecast_and_analysis(model, network, truths):
    """Bit by bit."""
    ends = []
    for split in (False, True, False):
        filter_ = LatentSmoother(model)
        filter_.reset(20, 4)
        for index in range(6):
            observation = observed(network, truths[0], index)
            if split and index:
                filter_.forecast()
                filter_.analyse(observation)
            elif index:
                filter_.cycle(observation)
            else:
                filter_.analyse(observation)
        ends.append(filter_.state)
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])


@torch.inference_mode()
def test_it_says_when_the_model_is_wrong(tsunami, model, network, truths):
    """It flags water 10 % deeper, and not the benchmark's."""
    deeper = Tsunami(depth=110.0)
    ratio = math.sqrt(110.0 / 100.0)  # its snapshots come so much earlier
    fields = deeper.trajectories(torch.tensor([[300.0, 200.0]]))[0]
    fields = fields[(torch.arange(45) * ratio).round().long()]
    limit = LatentSmoother.limit
    wrong = followed(LatentSmoother(model), network, fields, last=44)
    right = followed(LatentSmoother(model), network, truths[0])
    assert "disagree" in disagreement(wrong, limit)
    assert normalised_square(wrong) > 3
    assert disagreement(right, limit) is None
    assert normalised_square(right) == pytest.approx(1.0, abs=0.1)
