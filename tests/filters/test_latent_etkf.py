from dataclasses import replace

import pytest
import torch

from ldensf_core.encoders import ObservationHistory
from ldensf_core.filters import FreeRun, LatentEnKF, LatentETKF
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import relative_rmse

FILTERS = [LatentETKF, LatentEnKF]


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 10, 10)


def some_cycles(filter_, network, truth, members=20, seed=1, cycles=4, missing=0.0):
    filter_.reset(members, seed)
    for index in range(cycles):
        if index:
            filter_.forecast()
        filter_.analyse(network.observe(truth[index], index, 0.1, missing, seed=11))
    return filter_


def calibrated(model, **values):
    card = {"calibration": {"inflation": 1.0, "process_noise": 0.0} | values}
    return replace(model, card=model.card | card)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("truth", [0, 2])
def test_it_locks_on(tsunami, model, network, truths, kind, truth):
    """On fields and source."""
    filtered, free = (
        some_cycles(f, network, truths[truth], cycles=51) for f in (kind(model), FreeRun(model))
    )
    errors = [
        relative_rmse(tsunami, f.estimate().mean, truths[truth, 50]) for f in (filtered, free)
    ]
    assert errors[0] < 0.1 * errors[1]
    low, high = (
        torch.tensor([getattr(p, end) for p in tsunami.parameters]) for end in ("low", "high")
    )
    parameters = filtered.estimate().parameters
    assert ((low <= parameters) & (parameters <= high)).all()


def test_analysis_is_kalmans_with_the_whole_covariance(model):
    """Mean and covariance of the transform filter."""
    draw = torch.Generator().manual_seed(2)
    prior = torch.randn(9, 12, generator=draw) @ torch.randn(12, 12, generator=draw)
    y, variance = torch.randn(12, generator=draw), torch.linspace(0.1, 4, 12)
    after = LatentETKF(model).analysed(prior, y, variance)
    p = prior.T.cov()
    gain = p @ torch.linalg.inv(p + variance.diag())
    mean = prior.mean(0) + gain @ (y - prior.mean(0))
    torch.testing.assert_close(after.mean(0), mean, atol=1e-3, rtol=0)
    torch.testing.assert_close(after.T.cov(), p - gain @ p, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", FILTERS)
def test_calibration_is_that_of_ld_ensf(model, network, truths, kind):
    """What the encoder says is inflated, and the forecast gets process noise, as there."""
    seen = {}

    class Watched(kind):
        def analysed(self, prior, y, variance):
            seen.update(prior=prior, y=y, variance=variance)
            return prior

    filter_ = Watched(calibrated(model, inflation=2.0, process_noise=0.5))
    filter_.reset(members=200, seed=4)
    encoder = model.encoder
    before = (filter_.state - encoder.mean) / encoder.std
    observation = network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11)
    filter_.analyse(observation)
    mean, std = ObservationHistory(model.benchmark, encoder).update(observation)
    torch.testing.assert_close(seen["y"], (mean - encoder.mean) / encoder.std)
    torch.testing.assert_close(seen["variance"], (2 * std / encoder.std).square())
    noise = seen["prior"] - before
    assert noise.std() == pytest.approx(0.5, rel=0.1) and noise.mean().abs() < 0.05


@pytest.mark.parametrize("kind", FILTERS)
def test_all_missing_changes_nothing(model, network, truths, kind):
    filter_ = some_cycles(kind(model), network, truths[0])
    before = filter_.state.clone()
    filter_.analyse(network.observe(truths[0, 3], 3, 0.1, missing=1.0, seed=0))
    assert torch.equal(filter_.state, before)


@pytest.mark.parametrize("kind", FILTERS)
def test_a_cycle_is_forecast_and_analysis(model, network, truths, kind):
    apart = some_cycles(kind(model), network, truths[0], cycles=2)
    together = some_cycles(kind(model), network, truths[0], cycles=1)
    together.cycle(network.observe(truths[0, 1], 1, 0.1, 0.0, seed=11))
    assert torch.equal(together.state, apart.state) and together.index == apart.index


@pytest.mark.parametrize("kind", FILTERS)
def test_same_seed_same_run(model, network, truths, kind):
    first, again, other = (
        some_cycles(kind(model), network, truths[0], seed=seed, missing=0.3).state
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("kind", FILTERS)
def test_one_member_works(model, network, truths, kind):
    estimate = some_cycles(kind(model), network, truths[0], members=1).estimate()
    assert estimate.mean.isfinite().all() and estimate.parameters.isfinite().all()
