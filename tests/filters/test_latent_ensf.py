import math
from functools import cache

import pytest
import torch

from ldensf_core.analyses.score import euler_loop, smallest_stable_sigma
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.encoders.autoencoder import LOG_STD
from ldensf_core.filters.latent_ensf import LatentEnSF
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.surrogate import SpectralSizes
from ldensf_core.weights.architecture import VAEArchitecture, VAEEncoderSizes, build_vae
from ldensf_core.weights.card import CheckpointError

STEPS, EPSILON = 40, 0.05
MEMBERS = 20_000
SIGMAS = 5.5  # standard errors that samples may be apart: thousands of entries are compared
COUNT = 24


@pytest.fixture(scope="module")
def box():
    return Kolmogorov(12)


@pytest.fixture(scope="module")
def basin():
    return Tsunami(20)


def untrained(benchmark):
    """Networks that make something of any fields, if nothing of use."""
    torch.manual_seed(1)
    sizes = VAEArchitecture(
        6,
        "spectral",
        SpectralSizes(60, width=16, blocks=1, last=32, features=4, frequency=3.0),
        VAEEncoderSizes(60, width=16, blocks=1),
    )
    return build_vae(benchmark, sizes).requires_grad_(False)


def linear(benchmark, std):
    """z is the coefficients in units of their spread, and back; σ of z is ``std`` (COUNT,).

    The decoder's hidden layer takes z and −z: gelu(z) − gelu(−z) = z.
    """
    sizes = VAEArchitecture(
        COUNT,
        "spectral",
        SpectralSizes(COUNT, width=COUNT, blocks=1, last=2 * COUNT, features=1, frequency=3.0),
        VAEEncoderSizes(COUNT, width=COUNT, blocks=1),
    )
    statistics = {
        "deviations": torch.linspace(0.5, 0.1, COUNT),
        "residual": torch.full((len(benchmark.variables),), 0.01),
    }
    vae = build_vae(benchmark, sizes, statistics)
    one = torch.eye(COUNT)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        for encoder in (vae.state_encoder, vae.observation_encoder):
            encoder.first.weight[:, :COUNT] = one
            encoder.write.weight[:COUNT] = one
        share = (std.log() - LOG_STD[0]) / (LOG_STD[1] - LOG_STD[0])
        vae.observation_encoder.write.bias[COUNT:] = share.logit()
        vae.decoder.first.weight[:, :COUNT] = one
        vae.decoder.widen.weight.copy_(torch.cat([one, -one]))
        vae.decoder.last.weight.copy_(torch.cat([one, -one], dim=1))
        vae.decoder.scales.copy_(statistics["deviations"])
        vae.mean.copy_(torch.linspace(-0.2, 0.3, COUNT))
        vae.std.copy_(torch.linspace(0.8, 1.5, COUNT))
    return vae.requires_grad_(False)


@cache
def truth(benchmark):
    parameters = torch.full((1, len(benchmark.parameters)), 0.3)
    return benchmark.fields(benchmark.initial_state(benchmark.physical_parameters(parameters)))[0]


def observe(benchmark, index=0, missing=0.0):
    network = SensorNetwork.grid(benchmark, 5, 5)
    return network.observe(truth(benchmark), index, noise=0.1, missing=missing, seed=9)


def started(benchmark, members=4, seed=1, **options):
    filter_ = LatentEnSF(benchmark, vae=untrained(benchmark), **options)
    filter_.reset(members, seed)
    return filter_


def cycles(benchmark, seed, **options):
    filter_ = started(benchmark, seed=seed, **options)
    for index in range(3):
        if index:
            filter_.forecast()
        filter_.analyse(observe(benchmark, index))
    return filter_


# -- the analysis -------------------------------------------------------------------------


@torch.no_grad()
def test_with_a_linear_autoencoder_it_is_the_euler_loop_on_coefficients(box):
    """From the state to the state, against the published loop taken step by step."""
    limit = smallest_stable_sigma(STEPS, EPSILON)
    std = torch.linspace(1.2 * limit, 0.7, COUNT)
    vae = linear(box, std)
    filter_ = LatentEnSF(box, steps=STEPS, epsilon=EPSILON, vae=vae)
    filter_.reset(members=1, seed=3)
    filter_.state = filter_.state.expand(MEMBERS, -1, -1)
    basis, deviations = vae.decoder.basis, vae.interpolation.deviations
    units = deviations * vae.std
    before = basis.analyse(box.normalise(box.fields(filter_.state[:1])))[0]

    observation = observe(box)
    filter_.analyse(observation)
    found = basis.analyse(box.normalise(box.fields(filter_.state)))
    gain, _ = vae.interpolation.gain(
        observation.positions, observation.present, observation.std / box.std(before)
    )
    values = (observation.values - box.mean(before)) / box.std(before) - basis.rest
    y = torch.einsum("kvn,nv->k", gain, values)
    looped = euler_loop(
        ((before / deviations - vae.mean) / vae.std).expand(MEMBERS, -1),
        (y - vae.mean) / vae.std,
        std / vae.std,
        STEPS,
        EPSILON,
        torch.Generator().manual_seed(2),
    )
    expected = deviations * vae.mean + units * looped
    error = ((found.var(0) + expected.var(0)) / MEMBERS).sqrt()
    assert ((found.mean(0) - expected.mean(0)).abs() < SIGMAS * error).all()
    a, b = (found / units).mT.cov(), (expected / units).mT.cov()
    error = ((a.diag().outer(a.diag()) + a**2) * 2 / MEMBERS).sqrt()
    assert ((a - b).abs() < SIGMAS * error).all()


def test_what_the_decoder_cannot_express_is_gone(box):
    """The new fields are what is decoded: of the old ones nothing else is left."""
    filter_ = LatentEnSF(box, vae=linear(box, torch.full((COUNT,), 0.2)))
    filter_.reset(members=3, seed=3)
    basis = filter_.vae.decoder.basis
    for small in (False, True):
        fields = box.normalise(box.fields(filter_.state))
        outside = fields - basis.synthesise(basis.analyse(fields))
        assert (outside.norm() < 1e-4 * fields.norm()) == small
        filter_.analyse(observe(box))


def test_standard_deviation_below_the_limit_is_raised_to_it(box):
    limit = smallest_stable_sigma(STEPS, EPSILON)
    rules = []
    for sigma in (0.1 * limit, limit):
        vae = linear(box, torch.full((COUNT,), sigma))
        vae.std.fill_(1.0)
        filter_ = LatentEnSF(box, steps=STEPS, epsilon=EPSILON, vae=vae)
        rules.append(filter_.observed(observe(box))[1])
    torch.testing.assert_close(rules[0].c, rules[1].c, rtol=1e-4, atol=0)
    torch.testing.assert_close(rules[0].s, rules[1].s, rtol=1e-4, atol=0)


def test_more_steps_leave_less_noise(box):
    vae = linear(box, torch.full((COUNT,), 0.2))
    noise = [
        LatentEnSF(box, steps=steps, vae=vae).observed(observe(box))[1].s.max()
        for steps in (100, 1000)
    ]
    assert noise[1] < 0.5 * noise[0]


def test_a_state_of_complex_numbers_is_corrected_too():
    globe = Atmosphere(truncation=12, steps=4)
    filter_ = started(globe, members=2)
    before = filter_.state.clone()
    filter_.analyse(observe(globe))
    assert filter_.state.is_complex() and filter_.state.isfinite().all()
    assert not torch.equal(filter_.state, before)


def test_all_missing_changes_nothing(basin):
    filter_ = started(basin)
    before = filter_.estimate()
    filter_.analyse(observe(basin, missing=1.0))
    assert torch.equal(filter_.estimate().ensemble, before.ensemble)
    assert torch.equal(filter_.estimate().parameters, before.parameters)


def test_missing_values_do_not_count(basin):
    """A sensor that reports nothing is as good as none, and no NaN reaches a state."""
    gappy = observe(basin, missing=0.5)
    kept = gappy.present.all(dim=1)
    assert 5 < kept.sum() < 20
    sensors = SensorNetwork.at(basin, gappy.sensors.positions[kept.numpy()])
    fewer = Observation(0, sensors, gappy.values[kept], gappy.std)
    states = []
    for observation in (gappy, fewer):
        filter_ = started(basin)
        filter_.analyse(observation)
        states.append(filter_.state)
    assert states[0].isfinite().all()
    torch.testing.assert_close(*states, atol=1e-5, rtol=1e-4)


# -- the filter ---------------------------------------------------------------------------


def test_same_seed_same_run(basin):
    first, second = cycles(basin, seed=1).estimate(), cycles(basin, seed=1).estimate()
    assert torch.equal(first.ensemble, second.ensemble)
    assert not torch.equal(first.ensemble, cycles(basin, seed=2).estimate().ensemble)
    filter_ = cycles(basin, seed=1)
    filter_.reset(members=4, seed=5)
    assert torch.equal(filter_.state, started(basin, seed=5).state)


def test_members_keep_the_parameters_that_were_drawn(basin):
    draws = basin.parameter_array(basin.sample_parameters(4, seed=1))
    parameters = torch.as_tensor(draws, dtype=torch.float32)
    assert torch.equal(cycles(basin, seed=1).estimate().parameters, parameters)


def test_an_estimate_stays_as_it_is(basin):
    filter_ = cycles(basin, seed=1)
    early, expected = filter_.estimate(), basin.fields(filter_.state.clone())
    filter_.forecast()
    filter_.analyse(observe(basin))
    assert torch.equal(early.ensemble, expected)
    assert not torch.equal(filter_.estimate().ensemble, expected)


def test_double_precision(basin):
    """The networks stay in single precision."""
    estimate = cycles(basin, seed=1, dtype=torch.float64).estimate()
    assert estimate.ensemble.dtype == estimate.parameters.dtype == torch.float64
    assert estimate.ensemble.isfinite().all()


def test_what_cannot_be_used_is_refused(basin):
    with pytest.raises(ValueError, match=r"5 steps: with ε = .* at least"):
        started(basin, steps=5)
    with pytest.raises(ValueError, match="n = 0"):
        started(basin, members=0)


def test_without_weights_it_says_how_to_make_them(basin, monkeypatch, tmp_path):
    monkeypatch.setattr("ldensf_core.weights.checkpoints.PRETRAINED", tmp_path)
    (tmp_path / "tsunami").mkdir()
    (tmp_path / "tsunami" / "card.json").write_text('{"benchmark": "tsunami"}')
    with pytest.raises(CheckpointError, match=r"ldensf train tsunami --part vae"):
        LatentEnSF(basin)


def test_noise_of_the_published_setting_is_as_told(box):
    """The figures of the module's docstring."""
    vae = linear(box, torch.full((COUNT,), 0.1))
    vae.std.fill_(1.0)
    rule = LatentEnSF(box, vae=vae).observed(observe(box))[1]
    assert rule.c.mean().item() == pytest.approx(0.367, abs=1e-3)
    assert rule.s.mean().item() == pytest.approx(0.157, abs=1e-3)
    assert smallest_stable_sigma() == pytest.approx(0.087, abs=1e-3)
    assert math.isclose(rule.s.min(), rule.s.max(), rel_tol=1e-4)
