import math

import pytest
import torch

from ldensf_core.analyses.score import euler_loop, published_map, smallest_stable_sigma
from ldensf_core.benchmarks import Atmosphere, Tsunami
from ldensf_core.filters.ensf import EnSF
from ldensf_core.observations import Observation, SensorNetwork

MEMBERS = 20_000
STEPS, EPSILON = 40, 0.05
# Sampling errors are held to this many standard errors: thousands of entries are compared.
SIGMAS = 5.5


@pytest.fixture(scope="module")
def tiny():
    return Tsunami(5)


@pytest.fixture(scope="module")
def basin():
    return Tsunami(30)


def forecast(benchmark, members=MEMBERS):
    """Normalised fields (M, V, ny, nx), all members alike: what differs later is the noise."""
    one = torch.randn(3, *benchmark.grid_shape, generator=torch.Generator().manual_seed(1))
    return (2 * one).expand(members, -1, -1, -1)


def interpolation(benchmark, positions):
    """H as a full matrix, (n, ny nx)."""
    points, weights = SensorNetwork.at(benchmark, positions).stencils()
    cells = benchmark.grid_shape[0] * benchmark.grid_shape[1]
    return torch.zeros(len(points), cells).scatter_add_(1, points, weights.float())


def sharp(h):
    """Noise of the three variables just above the stability limit, above it, and far above."""
    limit = smallest_stable_sigma(STEPS, EPSILON) * torch.linalg.matrix_norm(h, 2)
    return limit * torch.tensor([1.1, 1.5, 3.0])


def observe(benchmark, positions, sigma, gaps=()):
    """An observation whose normalised values are 4 sin(k), with ``gaps`` (sensor, variable)."""
    n = len(positions)
    values = 4.0 * torch.arange(3.0 * n).sin().view(n, 3)
    values = values * benchmark.std(values) + benchmark.mean(values)
    for gap in gaps:
        values[gap] = torch.nan
    sensors = SensorNetwork.at(benchmark, positions)
    return Observation(0, sensors, values, torch.as_tensor(sigma) * benchmark.std(values))


def sampled(benchmark, observation, fields, seed=3):
    ensf = EnSF(benchmark, steps=STEPS, epsilon=EPSILON)
    ensf.reset(members=1, seed=seed)
    return ensf.analysed(fields, observation).flatten(1)


def direct_loop(benchmark, observation, fields):
    """The reverse SDE with the likelihood of y given H x, H as a full matrix, step by step."""
    h = interpolation(benchmark, observation.positions.numpy())
    mean, std = benchmark.mean(fields), benchmark.std(fields)
    y = ((observation.values - mean) / std).nan_to_num().mT  # (V, n)
    precision = (observation.present / (observation.std / std) ** 2).mT
    x0 = fields.flatten(2)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(x0.shape, generator=generator)
    for k in range(STEPS):
        t = 1 - k / STEPS
        alpha = 1 - (1 - EPSILON) * t
        f = -(1 - EPSILON) / alpha
        g2 = 1 - 2 * f * t
        slope = f * x + g2 * (x - alpha * x0) / t
        slope += g2 * (1 - t) * ((x @ h.mT - y) * precision) @ h
        x = x - slope / STEPS + math.sqrt(g2 / STEPS) * torch.randn(x.shape, generator=generator)
    return x.flatten(1)


def assert_same_distribution(a, b):
    """Two samples (M, D) agree in mean and in every entry of their covariance."""
    cov_a, cov_b = a.T.cov(), b.T.cov()
    var_a, var_b = cov_a.diag(), cov_b.diag()
    assert ((a.mean(0) - b.mean(0)).abs() < SIGMAS * ((var_a + var_b) / MEMBERS).sqrt()).all()
    error = ((var_a.outer(var_a) + cov_a**2 + var_b.outer(var_b) + cov_b**2) / MEMBERS).sqrt()
    assert ((cov_a - cov_b).abs() < SIGMAS * error).all()


# -- the analysis -------------------------------------------------------------------------


def test_sensors_on_grid_points_amount_to_the_euler_loop(tiny):
    """Every grid value on its own, observed or not, as the published filter has it."""
    positions, cells = [[300.0, 100.0], [500.0, 500.0], [900.0, 700.0]], [1, 12, 19]
    sigma = sharp(interpolation(tiny, positions))
    observation = observe(tiny, positions, sigma)
    fields = forecast(tiny)
    y, noise = torch.full((3, 25), torch.nan), torch.full((3, 25), torch.inf)
    y[:, cells] = ((observation.values - tiny.mean(fields)) / tiny.std(fields)).mT
    noise[:, cells] = sigma[:, None]

    looped = euler_loop(
        fields.flatten(1),
        y.flatten(),
        noise.flatten(),
        STEPS,
        EPSILON,
        torch.Generator().manual_seed(2),
    )
    assert_same_distribution(sampled(tiny, observation, fields), looped)


@pytest.mark.parametrize(
    "positions, gaps",
    [
        ([[210.0, 130.0], [480.0, 620.0], [870.0, 405.0]], []),  # between grid points
        ([[210.0, 130.0], [260.0, 170.0], [310.0, 220.0]], []),  # sharing grid points
        ([[210.0, 130.0], [210.0, 130.0], [20.0, 10.0], [50.0, 30.0]], []),  # repeating others
        ([[210.0, 130.0], [260.0, 170.0], [870.0, 405.0]], [(0, 1), (2, slice(None))]),
    ],
    ids=["apart", "overlapping", "repeated", "gaps"],
)
def test_sensors_between_grid_points_amount_to_the_direct_loop(tiny, positions, gaps):
    observation = observe(tiny, positions, sharp(interpolation(tiny, positions)), gaps)
    fields = forecast(tiny)
    after = sampled(tiny, observation, fields)
    assert_same_distribution(after, direct_loop(tiny, observation, fields))


def test_analysis_reaches_the_state(basin):
    """η at the sensors: B forecast + C y + S noise; elsewhere: forecast + the scheme's noise."""
    network = SensorNetwork.at(
        basin, [[basin.x.points[7], basin.y.points[i]] for i in range(2, 28)]
    )
    truth = basin.fields(basin.initial_state(torch.tensor([[150.0, 200.0]])))[0]
    observation = network.observe(truth, index=0, noise=0.1, missing=0.0, seed=5)
    ensf = EnSF(basin, steps=100, epsilon=0.05)
    ensf.reset(members=300, seed=1)
    before = basin.normalise(ensf.estimate().ensemble)[:, 2]
    ensf.analyse(observation)
    after = basin.normalise(ensf.estimate().ensemble)[:, 2]

    rule = published_map(torch.tensor([0.1, torch.inf]), ensf.steps, ensf.epsilon)
    y = (observation.values[:, 2] - basin.variables[2].mean) / basin.variables[2].std
    noise = after[:, 2:28, 7] - rule.b[0] * before[:, 2:28, 7] - rule.c[0] * y
    assert noise.mean().item() == pytest.approx(0.0, abs=4 * 0.157 / math.sqrt(noise.numel()))
    assert noise.std().item() == pytest.approx(rule.s[0].item(), rel=4 / noise.numel() ** 0.5)
    elsewhere = (after - before)[:, :, 8:]
    assert elsewhere.std().item() == pytest.approx(rule.s[1].item(), rel=0.01)


def test_a_state_of_complex_numbers_is_corrected_too():
    """That of the atmosphere gets what its truncation holds of the increment."""
    globe = Atmosphere(truncation=15, steps=10)
    network = SensorNetwork.grid(globe, 8, 4)
    observation = observe(globe, network.positions.tolist(), [0.1] * 3)
    ensf = EnSF(globe)
    ensf.reset(members=3, seed=1)
    before = globe.normalise(globe.fields(ensf.state))
    increment = ensf.analysed(before, observation) - before
    expected = globe.corrected(ensf.state, increment * globe.std(before)[:, None, None])
    ensf.reset(members=3, seed=1)
    ensf.analyse(observation)
    assert torch.equal(ensf.state, expected)


def test_noise_below_the_limit_is_raised_to_it(tiny):
    fields, positions = forecast(tiny, members=4), [[300.0, 100.0], [500.0, 500.0]]
    limit = smallest_stable_sigma(STEPS, EPSILON)
    without = sampled(tiny, observe(tiny, positions, [0.0] * 3), fields)
    at_limit = sampled(tiny, observe(tiny, positions, [limit] * 3), fields)
    assert without.isfinite().all()
    assert torch.allclose(without, at_limit, atol=1e-4)


def test_missing_values_do_not_count(tiny):
    """A sensor that reports nothing is as good as none."""
    fields = forecast(tiny, members=4)
    positions = [[210.0, 130.0], [260.0, 170.0], [870.0, 405.0]]
    gappy = observe(tiny, positions, [0.4] * 3, gaps=[(2, slice(None))])
    two = Observation(0, SensorNetwork.at(tiny, positions[:2]), gappy.values[:2], gappy.std)
    assert torch.equal(sampled(tiny, gappy, fields), sampled(tiny, two, fields))


def test_all_missing_changes_nothing(basin):
    observation = observe(basin, [[500.0, 500.0]], [0.1] * 3, gaps=[0])
    ensf = EnSF(basin)
    ensf.reset(members=3, seed=0)
    before = ensf.estimate().ensemble
    ensf.analyse(observation)
    assert torch.equal(ensf.estimate().ensemble, before)


def test_what_sensors_see_is_looked_up_afresh_when_they_change(tiny):
    """One filter going through layouts, noise and gaps draws what fresh filters draw."""
    fields = forecast(tiny, members=4)
    observations = [
        observe(tiny, [[210.0, 130.0], [480.0, 620.0]], [0.4] * 3),
        observe(tiny, [[210.0, 130.0], [480.0, 620.0]], [0.6] * 3),
        observe(tiny, [[210.0, 130.0], [480.0, 600.0]], [0.6] * 3),
        observe(tiny, [[210.0, 130.0], [480.0, 600.0]], [0.6] * 3, gaps=[(0, 1)]),
    ]
    going = EnSF(tiny, steps=STEPS, epsilon=EPSILON)
    for observation in observations:
        going.reset(members=1, seed=3)
        after = going.analysed(fields, observation).flatten(1)
        assert torch.equal(after, sampled(tiny, observation, fields))


# -- the filter ---------------------------------------------------------------------------


def cycle(benchmark, seed, cycles=3, **options):
    network = SensorNetwork.grid(benchmark, 5, 5)
    truth = benchmark.trajectories(torch.tensor([[300.0, 100.0]]))[0]
    ensf = EnSF(benchmark, **options)
    ensf.reset(members=6, seed=seed)
    for index in range(cycles):
        if index:
            ensf.forecast()
        ensf.analyse(network.observe(truth[index], index, noise=0.2, missing=0.0, seed=9))
    return ensf


def test_same_seed_same_run(basin):
    first, second = cycle(basin, seed=1).estimate(), cycle(basin, seed=1).estimate()
    assert torch.equal(first.ensemble, second.ensemble)
    assert torch.equal(first.parameters, second.parameters)
    assert not torch.equal(first.ensemble, cycle(basin, seed=2).estimate().ensemble)


def test_reset_starts_anew(basin):
    ensf = cycle(basin, seed=1)
    ensf.reset(members=6, seed=1)
    fresh = EnSF(basin)
    fresh.reset(members=6, seed=1)
    assert torch.equal(ensf.estimate().ensemble, fresh.estimate().ensemble)


def test_members_are_prior_draws_carried_by_the_solver(basin):
    ensf = EnSF(basin)
    ensf.reset(members=4, seed=8)
    ensf.forecast()
    ensf.forecast()
    draws = basin.parameter_array(basin.sample_parameters(4, seed=8))
    parameters = torch.as_tensor(draws, dtype=torch.float32)
    assert torch.equal(ensf.estimate().parameters, parameters)
    assert torch.equal(ensf.estimate().ensemble, basin.trajectories(parameters)[:, 2])


def test_an_estimate_stays_as_it_is(basin):
    ensf = cycle(basin, seed=1)
    early = ensf.estimate()
    expected = basin.fields(ensf.state.clone())
    ensf.forecast()
    ensf.analyse(observe(basin, [[500.0, 500.0]], [0.1] * 3))
    assert torch.equal(early.ensemble, expected)
    assert not torch.equal(ensf.estimate().ensemble, expected)
    assert torch.equal(early.mean, expected.mean(0)) and torch.equal(early.spread, expected.std(0))


def test_double_precision(basin):
    estimate = cycle(basin, seed=1, dtype=torch.float64).estimate()
    assert estimate.ensemble.dtype == estimate.parameters.dtype == torch.float64


def test_one_member_has_no_spread(basin):
    ensf = EnSF(basin)
    ensf.reset(members=1, seed=0)
    assert (ensf.estimate().spread == 0).all()


def test_sensor_outside_the_domain_is_refused(basin):
    ensf = EnSF(basin)
    ensf.reset(members=2, seed=0)
    with pytest.raises(ValueError, match="x = 1500 km is outside the domain"):
        ensf.analyse(observe(basin, [[1500.0, 500.0]], [0.1] * 3))


def test_no_members_are_refused(basin):
    with pytest.raises(ValueError, match="n = 0"):
        EnSF(basin).reset(members=0, seed=0)


def test_impossible_schedule_is_refused(basin):
    with pytest.raises(ValueError, match=r"5 steps: .*at least 10"):
        EnSF(basin, steps=5, epsilon=0.05)
    with pytest.raises(ValueError, match="ε = 1"):
        EnSF(basin, steps=100, epsilon=1.0)
