import math
from dataclasses import replace

import pytest
import torch

from ldensf_core.analyses.score import euler_loop, smallest_stable_sigma
from ldensf_core.filters import EncoderAlone, FreeRun, LatentEnKF, LatentETKF, LDEnSF, free
from ldensf_core.filters.options import options_of
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import relative_rmse
from ldensf_core.surrogate import SurrogateError

LAST_QUARTER = range(39, 51)


@pytest.fixture(scope="module")
def network(tsunami):
    return SensorNetwork.grid(tsunami, 10, 10)


def errors(filter_, network, truth, members=20, seed=1, noise=0.1, watch=lambda: None):
    """Run over a whole truth; relative RMSE of the mean over the last quarter of the cycles."""
    filter_.reset(members, seed)
    found = []
    for index, fields in enumerate(truth):
        if index:
            filter_.forecast()
        filter_.analyse(network.observe(fields, index, noise, 0.0, seed=11))
        watch()
        if index in LAST_QUARTER[::3]:
            found.append(relative_rmse(network.benchmark, filter_.estimate().mean, fields))
    return sum(found) / len(found)


@pytest.fixture(scope="module")
def model(model):
    """The shipped model, its surrogate believed to make no error."""
    return replace(model, error=SurrogateError(model.benchmark))


@pytest.fixture(scope="module")
def fallible(model):
    """The same, with an error that grows by 0.01 a snapshot for u, 0.02 for v, 0.03 for η."""
    error = SurrogateError(model.benchmark)
    slopes, snapshots = torch.tensor([0.01, 0.02, 0.03]), torch.arange(51)
    error.deviation.copy_((snapshots[:, None] * slopes)[..., None, None])
    return replace(model, error=error)


def some_cycles(filter_, network, truth, members=5, seed=1, cycles=4):
    filter_.reset(members, seed)
    for index in range(cycles):
        if index:
            filter_.forecast()
        filter_.analyse(network.observe(truth[index], index, 0.1, 0.0, seed=11))
    return filter_


# -- no assimilation ----------------------------------------------------------------------


def test_free_run_is_the_surrogate_on_prior_draws(tsunami, model):
    free = FreeRun(model)
    free.reset(members=3, seed=8)
    free.forecast()
    free.forecast()
    draws = tsunami.sample_parameters(3, seed=8)
    estimate, expected = free.estimate(), model.predict(draws).isel(time=2)
    parameters = torch.as_tensor(tsunami.parameter_array(draws)).float()
    torch.testing.assert_close(estimate.parameters, parameters, atol=1e-3, rtol=0)
    for i, name in enumerate(("u", "v", "eta")):
        values = torch.as_tensor(expected[name].values)
        torch.testing.assert_close(estimate.ensemble[:, i], values, atol=1e-5, rtol=0)


def test_free_run_does_not_look_at_observations(model, network, truths):
    with_, without = FreeRun(model), FreeRun(model)
    some_cycles(with_, network, truths[0], cycles=3)
    without.reset(members=5, seed=1)
    without.forecast()
    without.forecast()
    assert torch.equal(with_.estimate().ensemble, without.estimate().ensemble)


# -- the filter ---------------------------------------------------------------------------


@pytest.mark.parametrize("truth", [0, 2])
def test_gaussian_rule_locks_on(model, network, truths, truth):
    filtered = errors(LDEnSF(model), network, truths[truth])
    free = errors(FreeRun(model), network, truths[truth])
    assert filtered < 0.06
    assert filtered < 0.1 * free


def test_published_rule_locks_on_too(model, network, truths):
    filtered, free = (
        errors(filter_, network, truths[0])
        for filter_ in (LDEnSF(model, "published"), FreeRun(model))
    )
    assert filtered < 0.06
    assert filtered < 0.1 * free


@pytest.mark.parametrize("epsilon", [0.01, 0.5])
def test_published_rule_is_the_euler_loop_of_scaled_numbers(model, epsilon):
    """One analysis, by mean and standard deviation of many members in two far places.

    The loop is fed as the authors do: all times 100, one draw of the noise on the observation, the
    result over 100. Without scaling its noise is 100 times as large, at the same gain.
    """
    members, size = 20_000, len(model.encoder.mean)
    filter_ = LDEnSF(model, "published", epsilon)
    filter_.reset(members, seed=0)
    filter_.y = torch.linspace(-1, 1, size)
    filter_.sigma = torch.full((size,), torch.nan)  # what the encoder states is not looked at
    gains, noises = [], []
    for x in (-0.3, 0.5):
        before = torch.full((members, size), x)
        with torch.inference_mode():
            filter_.state.copy_(before)
            filter_.generator.manual_seed(1)
            draw = torch.randn(size, generator=filter_.generator)  # comes first
            filter_.generator.manual_seed(1)
            filter_.correct()
        observed = model.encoder.mean + model.encoder.std * filter_.y
        generator, sigma = torch.Generator().manual_seed(2), torch.full((size,), 0.1)
        scaled = 100 * observed + 0.1 * draw
        loop = euler_loop(100 * before, scaled, sigma, 100, epsilon, generator) / 100
        error = 5 * 0.0016 * math.sqrt(2 / members)
        latent = slice(model.ldnet.n_latent)  # of the parameters some meet their bounds
        off = (filter_.state.mean(0) - loop.mean(0))[latent]
        assert off.abs().max() < error
        torch.testing.assert_close(
            filter_.state.std(0)[latent], loop.std(0)[latent], rtol=0.04, atol=0
        )
        unscaled = euler_loop(before, observed + 0.1 * draw, sigma, 100, epsilon, generator)
        noises.append((unscaled.std(0) / loop.std(0))[latent])
        gains.append(filter_.state.mean(0)[latent])
    torch.testing.assert_close(noises[0], torch.full_like(noises[0], 100.0), rtol=0.04, atol=0)
    weight = (gains[1] - gains[0]) / 0.8  # of the forecast
    torch.testing.assert_close(weight, torch.full_like(weight, 0.633), rtol=0, atol=2e-3)


def test_published_noise_of_the_observation_is_the_same_for_all_members(model):
    """With members alike, what their mean departs from the gain's is the one draw, times 0.367."""
    filter_ = LDEnSF(model, "published")
    departures = []
    for seed in range(400):
        filter_.reset(50, seed)
        with torch.inference_mode():
            filter_.state.zero_()
            filter_.y = filter_.sigma = torch.zeros(len(model.encoder.mean))
            filter_.correct()
        departures.append(filter_.latent.mean(0) - 0.367 * model.encoder.mean[:10])
    expected = math.hypot(0.367 * 0.001, 0.00157 / math.sqrt(50))
    assert torch.stack(departures).std(0).mean().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("epsilon", [0.006, 0.99])
def test_the_published_rule_is_stable_for_all_that_is_allowed(model, epsilon):
    option = options_of(LDEnSF)["epsilon"]
    assert epsilon in (option.low, option.high)
    assert smallest_stable_sigma(100, epsilon) < 0.1
    LDEnSF(model, "published", epsilon)


@pytest.mark.parametrize("layout, n, noise", [("random", 100, 0.1), ("grid", 25, 0.3)])
def test_harder_settings_degrade_and_do_not_diverge(tsunami, model, truths, layout, n, noise):
    network = SensorNetwork.place(tsunami, n, layout, seed=2)
    assert errors(LDEnSF(model), network, truths[0], noise=noise) < 0.1


@pytest.mark.parametrize("rule", ["gaussian", "published"])
def test_parameters_stay_in_the_prior(tsunami, model, network, truths, rule):
    filter_ = LDEnSF(model, rule)
    low = torch.tensor([p.low for p in tsunami.parameters])
    high = torch.tensor([p.high for p in tsunami.parameters])

    def watch():
        parameters = filter_.estimate().parameters
        assert ((low <= parameters) & (parameters <= high)).all()

    errors(filter_, network, truths[5], watch=watch)


def test_source_is_found(model, network, truths, true_parameters):
    filter_ = LDEnSF(model)
    errors(filter_, network, truths[0])
    off = filter_.estimate().parameters.mean(0) - true_parameters[0]
    assert off.abs().max() < 10  # km; the prior is 500 km wide


def test_all_missing_changes_nothing(model, network, truths):
    """Not the ensemble, and not what becomes of it later."""
    filter_ = some_cycles(LDEnSF(model), network, truths[0])
    before = filter_.state.clone()
    filter_.analyse(network.observe(truths[0, 3], 3, 0.1, missing=1.0, seed=0))
    assert torch.equal(filter_.state, before)

    spared = some_cycles(LDEnSF(model), network, truths[0])
    for one in (filter_, spared):
        one.forecast()
        one.analyse(network.observe(truths[0, 4], 4, 0.1, 0.0, seed=11))
    assert torch.equal(filter_.estimate().ensemble, spared.estimate().ensemble)


@pytest.mark.parametrize("rule", ["gaussian", "published"])
def test_a_cycle_is_forecast_and_analysis(model, network, truths, rule):
    apart = some_cycles(LDEnSF(model, rule), network, truths[0])
    together = LDEnSF(model, rule)
    together.reset(members=5, seed=1)
    together.analyse(network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11))
    for index in range(1, 4):
        together.cycle(network.observe(truths[0, index], index, 0.1, 0.0, seed=11))
    assert torch.equal(together.state, apart.state) and together.index == apart.index

    nothing = network.observe(truths[0, 4], 4, 0.1, missing=1.0, seed=0)
    together.cycle(nothing)
    apart.forecast()
    assert torch.equal(together.state, apart.state) and together.index == apart.index


@pytest.mark.parametrize("rule", ["gaussian", "published"])
def test_same_seed_same_run(model, network, truths, rule):
    first, again, other = (
        some_cycles(LDEnSF(model, rule), network, truths[0], seed=seed).estimate()
        for seed in (1, 1, 2)
    )
    assert torch.equal(first.ensemble, again.ensemble)
    assert torch.equal(first.parameters, again.parameters)
    assert not torch.equal(first.ensemble, other.ensemble)


def test_noise_of_the_analysis_follows_the_seed_too(model, network, truths):
    """The same ensemble and observation under another seed."""
    after = []
    for seed in (1, 2):
        filter_ = LDEnSF(model)
        filter_.reset(members=5, seed=seed)
        with torch.inference_mode():
            filter_.latent.zero_()
            filter_.parameters.copy_(torch.linspace(-1, 1, 10).view(5, 2))
        filter_.analyse(network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11))
        after.append(filter_.latent)
    assert not torch.equal(*after)


def test_reset_forgets_everything(model, network, truths):
    used = LDEnSF(model)
    some_cycles(used, network, truths[1])
    again = some_cycles(used, network, truths[0]).estimate().ensemble
    fresh = some_cycles(LDEnSF(model), network, truths[0]).estimate().ensemble
    assert torch.equal(again, fresh)


@pytest.mark.parametrize("rule", ["gaussian", "published"])
def test_one_member_works(model, network, truths, rule):
    estimate = some_cycles(LDEnSF(model, rule), network, truths[0], members=1).estimate()
    assert estimate.ensemble.shape == (1, 3, 150, 150)
    assert estimate.mean.isfinite().all() and (estimate.spread == 0).all()


def test_an_estimate_stays_as_it_is(model, network, truths):
    filter_ = some_cycles(LDEnSF(model), network, truths[0])
    early, control = filter_.estimate(), filter_.estimate()
    expected, parameters = control.ensemble.clone(), control.parameters.clone()
    filter_.forecast()
    filter_.analyse(network.observe(truths[0, 4], 4, 0.1, 0.0, seed=11))
    assert torch.equal(early.ensemble, expected)  # decoded only now
    assert torch.equal(early.parameters, parameters)
    assert not torch.equal(filter_.estimate().ensemble, expected)
    std = model.benchmark.std(expected)[:, None, None]
    off = [(early.mean - expected.mean(0)) / std, (early.spread - expected.std(0)) / std]
    assert all(error.abs().max() < 1e-3 for error in off)


@pytest.mark.parametrize("members", [2, 5, 40])
def test_mean_and_spread_are_those_of_the_ensemble(model, network, truths, members):
    estimate = some_cycles(LDEnSF(model), network, truths[0], members, cycles=2).estimate()
    std = model.benchmark.std(truths)[:, None, None]
    mean, spread = estimate.mean / std, estimate.spread / std
    assert "ensemble" not in vars(estimate)  # of many members, not every field is wanted
    torch.testing.assert_close(mean, estimate.ensemble.mean(0) / std, atol=1e-4, rtol=0)
    torch.testing.assert_close(spread, estimate.ensemble.std(0) / std, atol=1e-3, rtol=0)


def test_calibration_of_the_card_is_used(model, network, truths):
    """An observation that is trusted a thousand times less moves the ensemble less."""

    def moved(**calibration):
        card = model.card | {"calibration": {"inflation": 1.0, "process_noise": 0.0} | calibration}
        filter_ = LDEnSF(replace(model, card=card))
        filter_.reset(members=5, seed=1)
        before = filter_.latent.clone()
        filter_.analyse(network.observe(truths[0, 0], 0, 0.1, 0.0, seed=11))
        return filter_, (filter_.latent - before).norm()

    assert moved(inflation=1000.0)[1] < 0.1 * moved()[1]
    # Spread that the filter would do away with stays when it does not trust the forecast.
    still, noisy = moved(inflation=1000.0)[0], moved(inflation=1000.0, process_noise=1.0)[0]
    assert noisy.latent.std(0).mean() > 1.5 * still.latent.std(0).mean()


# -- the surrogate's own error --------------------------------------------------------------


def with_and_without(model, fallible, network, truths, members=5):
    """Two filters at snapshot 3, where the error is 0.03, 0.06 and 0.09."""
    return [some_cycles(LDEnSF(m), network, truths[0], members) for m in (model, fallible)]


def test_surrogates_error_leaves_the_cycle_and_the_mean_alone(model, fallible, network, truths):
    without, with_ = with_and_without(model, fallible, network, truths)
    assert torch.equal(with_.state, without.state)
    assert torch.equal(with_.estimate().mean, without.estimate().mean)


def test_surrogates_error_adds_to_the_spread(model, fallible, network, truths):
    filters = with_and_without(model, fallible, network, truths)
    std = model.benchmark.std(truths)[:, None, None]
    without, with_ = (f.estimate().spread / std for f in filters)
    expected = torch.tensor([0.03, 0.06, 0.09]).square()[:, None, None]
    added = with_.square() - without.square()
    torch.testing.assert_close(added, expected.expand_as(added), atol=1e-5, rtol=1e-3)


def test_surrogates_error_is_drawn_for_members(model, fallible, network, truths):
    """White, of that size, the same for the same seed, and zero on average over members."""
    filters = with_and_without(model, fallible, network, truths)
    std = model.benchmark.std(truths)[:, None, None]
    without, with_ = (f.estimate().ensemble / std for f in filters)
    draws = with_ - without
    assert draws.mean(0).abs().max() < 1e-5
    size = draws.var(0).mean((1, 2)).sqrt()
    torch.testing.assert_close(size, torch.tensor([0.03, 0.06, 0.09]), rtol=0.02, atol=0)
    neighbours = torch.stack([draws[..., 1:], draws[..., :-1]]).flatten(1)
    assert abs(torch.corrcoef(neighbours)[0, 1]) < 0.01
    assert torch.equal(filters[1].estimate().ensemble / std, with_)
    filters[1].forecast()
    filters[0].forecast()
    later = (filters[1].estimate().ensemble - filters[0].estimate().ensemble) / std
    pair = torch.stack([draws.flatten(), later.flatten()])
    assert abs(torch.corrcoef(pair)[0, 1]) < 0.01


def test_one_member_is_as_uncertain_as_the_surrogate(model, fallible, network, truths):
    without, with_ = with_and_without(model, fallible, network, truths, members=1)
    estimate = with_.estimate()
    assert torch.equal(estimate.ensemble, without.estimate().ensemble)
    std = model.benchmark.std(truths)[:, None, None]
    expected = torch.tensor([0.03, 0.06, 0.09])[:, None, None].expand(3, 150, 150)
    torch.testing.assert_close(estimate.spread / std, expected)


# -- what is refused ----------------------------------------------------------------------


def test_unknown_rule_is_named(model):
    with pytest.raises(ValueError, match="rule 'kalman' is unknown; there are gaussian, published"):
        LDEnSF(model, rule="kalman")


def test_no_members_are_refused(model):
    with pytest.raises(ValueError, match="n = 0"):
        LDEnSF(model).reset(members=0, seed=0)


# -- what is interrupted ------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [LDEnSF, lambda model: LDEnSF(model, "published"), LatentETKF, LatentEnKF, EncoderAlone],
    ids=["gaussian", "published", "etkf", "enkf", "encoder"],
)
def test_an_analysis_that_is_interrupted_leaves_the_forecast(
    model, network, truths, monkeypatch, make
):
    """The last thing that is done to an analysis is to keep parameters in their bounds."""
    filter_ = some_cycles(make(model), network, truths[0])
    before = filter_.state.clone()
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "clamp_", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            filter_.analyse(network.observe(truths[0, 3], 3, 0.1, 0.0, seed=12))
    assert torch.equal(filter_.state, before)


def test_a_recording_that_fails_leaves_the_ensemble(model, monkeypatch):
    class OnGPU(torch.Tensor):
        is_cuda = True

    def fails(function, device, generator):
        function()
        raise MemoryError

    filter_ = FreeRun(model)
    filter_.reset(4, seed=1)
    before = filter_.state.clone()
    filter_.state = filter_.state.as_subclass(OnGPU)
    monkeypatch.setattr(free, "recorded", fails)
    with pytest.raises(MemoryError):
        filter_.forecast()
    assert torch.equal(filter_.state.as_subclass(torch.Tensor), before) and filter_.index == 0


# -- members that are alike ---------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 2, 20])
def test_members_that_are_alike_have_the_surrogates_own_error_for_spread(fallible, members):
    filter_ = FreeRun(fallible)
    filter_.reset(members, seed=1)
    for index in range(4):
        if index:
            filter_.forecast()
        with torch.inference_mode():
            filter_.state.copy_(filter_.state[:1].expand(members, -1).clone())
        estimate, std = filter_.estimate(), fallible.benchmark.std(filter_.state)
        own = fallible.error.at(index, filter_.parameters[0]) * std[:, None, None]
        torch.testing.assert_close(estimate.spread, own, atol=0, rtol=1e-5)
        assert estimate.mean.isfinite().all() and estimate.ensemble.isfinite().all()


@pytest.mark.parametrize("make", [LDEnSF, LatentETKF, LatentEnKF], ids=["score", "etkf", "enkf"])
@pytest.mark.parametrize("members", [1, 7])
def test_members_that_are_alike_are_corrected(model, network, truths, make, members):
    filter_ = make(model)
    filter_.reset(members, seed=1)
    with torch.inference_mode():
        filter_.state.copy_(filter_.state[:1].expand(members, -1).clone())
    for index in range(3):
        if index:
            filter_.forecast()
        filter_.analyse(network.observe(truths[0, index], index, 0.1, 0.0, seed=11))
        estimate = filter_.estimate()
        for part in (estimate.mean, estimate.spread, estimate.ensemble, estimate.parameters):
            assert part.isfinite().all()


def test_what_was_expected_changes_nothing_even_if_another_observation_comes(
    model, network, truths
):
    first, second = (network.observe(truths[0, i], i, 0.1, 0.0, seed=4) for i in (0, 1))
    plain, ready = LDEnSF(model), LDEnSF(model)
    for filter_ in (plain, ready):
        filter_.reset(5, seed=2)
    ready.expect(second)
    ready.expect(first)
    for filter_ in (plain, ready):
        filter_.analyse(first)
    ready.expect(first)
    for filter_ in (plain, ready):
        filter_.cycle(second)
    assert torch.equal(plain.state, ready.state)
