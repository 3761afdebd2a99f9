import math

import pytest
import torch

from ldensf_core.analyses.score import (
    AffineMap,
    euler_loop,
    gaussian_map,
    published_map,
    smallest_stable_sigma,
)

SAMPLES = 200_000
# Sampling errors are held to this many standard errors: about 150 comparisons are made here.
SIGMAS = 4.5


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def mean_error(std, samples=SAMPLES):
    return SIGMAS * std / math.sqrt(samples)


def std_error(std, samples=SAMPLES):
    return SIGMAS * std / math.sqrt(2 * samples)


@pytest.mark.parametrize("epsilon", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("steps", [30, 60, 100])
def test_collapse_has_the_distribution_of_the_loop(epsilon, steps):
    """Three σ and an unobserved component, each with its own prior, y and spread."""
    sigma = torch.tensor([0.2, 0.4, 1.0, torch.inf])
    y = torch.tensor([-1.3, 0.8, 2.0, torch.nan])
    centre, width = torch.tensor([0.7, -0.2, 0.0, 1.5]), torch.tensor([0.5, 1.0, 0.1, 0.3])
    x0 = centre + width * torch.randn(SAMPLES, 4, generator=generator(1))

    looped = euler_loop(x0, y, sigma, steps, epsilon, generator(2))
    rule = published_map(sigma, steps, epsilon)
    mapped = rule.apply(x0, y, generator(3))

    std = (rule.b**2 * width**2 + rule.s**2).sqrt()
    two_samples = math.sqrt(2)
    assert ((looped.mean(0) - mapped.mean(0)).abs() < two_samples * mean_error(std)).all()
    assert ((looped.std(0) - mapped.std(0)).abs() < two_samples * std_error(std)).all()

    # Given its prior member, each sample of the loop is b x₀ + c y off by noise s alone.
    noise = looped - rule.b * x0 - torch.where(rule.c == 0, 0.0, rule.c * y)
    assert (noise.mean(0).abs() < mean_error(rule.s)).all()
    assert ((noise.std(0) - rule.s).abs() < std_error(rule.s)).all()
    correlation = (noise * (x0 - x0.mean(0))).mean(0) / (rule.s * width)
    assert (correlation.abs() < SIGMAS / math.sqrt(SAMPLES)).all()


@pytest.mark.parametrize("steps, epsilon, sigma", [(100, 0.05, 0.1), (37, 0.3, 0.2), (3, 0.2, 2.0)])
def test_collapse_is_the_composition_of_the_steps(steps, epsilon, sigma):
    """The recursions as the paper of the method gives them, one step after another."""
    a_all, b_all, c_all, s2_all = 1.0, 0.0, 0.0, 0.0
    for k in range(steps):
        t = 1 - k / steps
        alpha = 1 - (1 - epsilon) * t
        f = -(1 - epsilon) / alpha
        g2 = 1 - 2 * f * t
        a = 1 - (f + g2 / t + g2 * (1 - t) / sigma**2) / steps
        b, c, d2 = g2 * alpha / t / steps, g2 * (1 - t) / sigma**2 / steps, g2 / steps
        a_all, b_all, c_all = a * a_all, a * b_all + b, a * c_all + c
        s2_all = a**2 * s2_all + d2
    rule = published_map(torch.tensor([sigma], dtype=torch.float64), steps, epsilon)
    assert rule.b.item() == pytest.approx(b_all, rel=1e-12)
    assert rule.c.item() == pytest.approx(c_all, rel=1e-12)
    assert rule.s.item() == pytest.approx(math.sqrt(s2_all + a_all**2), rel=1e-12)


@pytest.mark.parametrize("epsilon", [0.01, 0.05])
@pytest.mark.parametrize(
    "steps, b, c, s", [(100, 0.633, 0.367, 0.157), (1000, 0.923, 0.077, 0.032)]
)
def test_published_gain_is_set_by_the_number_of_steps(epsilon, steps, b, c, s):
    """σ = 0.1, whatever the prior's spread; the figures hold for any ε up to about 0.05."""
    rule = published_map(torch.tensor([0.1]), steps, epsilon)
    assert (rule.b.item(), rule.c.item(), rule.s.item()) == pytest.approx((b, c, s), abs=6e-4)


def test_unobserved_component_keeps_its_forecast_and_gets_white_noise():
    rule = published_map(torch.tensor([torch.inf]), steps=100)
    assert rule.c.item() == 0.0
    assert rule.b.item() == pytest.approx(1.0, abs=1e-4)
    assert rule.s.item() == pytest.approx(0.101, abs=1e-3)


def test_missing_observation_poisons_nothing():
    rule = published_map(torch.tensor([0.2, torch.inf]))
    y = torch.tensor([0.5, torch.nan])
    x0 = torch.zeros(10, 2)
    assert rule.apply(x0, y, generator()).isfinite().all()
    assert euler_loop(x0, y, torch.tensor([0.2, torch.inf]), generator=generator()).isfinite().all()
    assert gaussian_map(torch.tensor([torch.inf]), torch.tensor([1.0])) == AffineMap(
        torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([0.0])
    )


def test_same_generator_same_members():
    rule, x0, y = published_map(torch.tensor([0.2])), torch.zeros(5, 1), torch.ones(1)
    assert torch.equal(rule.apply(x0, y, generator(4)), rule.apply(x0, y, generator(4)))
    assert not torch.equal(rule.apply(x0, y, generator(4)), rule.apply(x0, y, generator(5)))


# -- stability ----------------------------------------------------------------------------


@pytest.mark.parametrize("steps, epsilon", [(10, 0.05), (50, 0.01), (100, 0.05), (1000, 0.05)])
def test_smallest_stable_sigma_is_where_the_loop_starts_to_diverge(steps, epsilon):
    smallest = smallest_stable_sigma(steps, epsilon)
    x0, y = torch.zeros(500, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)

    def spread(sigma):
        sigma = torch.tensor([sigma], dtype=torch.float64)
        return euler_loop(x0, y, sigma, steps, epsilon, generator()).std().item()

    assert spread(smallest) < 1.0
    assert spread(0.8 * smallest) > 3 * spread(smallest)
    assert not spread(0.5 * smallest) < 100.0  # or no longer a number


def test_smallest_stable_sigma_passes_after_rounding():
    sigma = torch.tensor([1e-3]).clamp(min=smallest_stable_sigma())
    rule = published_map(sigma)
    assert 0 < rule.b.item() < 1 and 0 < rule.c.item() < 1 and rule.s.item() < 1


def test_unstable_sigma_is_refused_by_name_and_limit():
    with pytest.raises(ValueError, match=r"σ = 0\.05: .*100 steps.*below σ = 0\.08735"):
        published_map(torch.tensor([0.2, 0.05, torch.inf]))


@pytest.mark.parametrize("sigma", [torch.nan, 0.0, -1.0])
def test_impossible_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="σ = "):
        published_map(torch.tensor([sigma]))


@pytest.mark.parametrize("epsilon", [0.0, 1.0, -0.1, math.nan])
def test_impossible_epsilon_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"ε = .*more than 0 and less than 1"):
        published_map(torch.tensor([0.5]), epsilon=epsilon)


@pytest.mark.parametrize("steps, epsilon, fewest", [(2, 0.5, 3), (9, 0.05, 10), (0, 0.05, 10)])
def test_too_few_steps_are_refused(steps, epsilon, fewest):
    with pytest.raises(ValueError, match=f"{steps} steps: .*at least {fewest} are needed"):
        published_map(torch.tensor([torch.inf]), steps, epsilon)


# -- the Gaussian rule --------------------------------------------------------------------


def test_gaussian_map_samples_the_bayes_posterior():
    mean, variance = torch.tensor([0.5, -2.0, 1.0]), torch.tensor([0.04, 1.0, 4.0])
    sigma, y = torch.tensor([0.3, 0.5, torch.inf]), torch.tensor([1.0, 0.0, torch.nan])
    x0 = mean + variance.sqrt() * torch.randn(SAMPLES, 3, generator=generator(1))

    x = gaussian_map(sigma, variance).apply(x0, y, generator(2))

    precision = 1 / variance + 1 / sigma**2
    posterior_mean = (mean / variance + torch.where(sigma.isinf(), 0.0, y / sigma**2)) / precision
    posterior_std = precision.rsqrt()
    assert ((x.mean(0) - posterior_mean).abs() < mean_error(posterior_std)).all()
    assert ((x.std(0) - posterior_std).abs() < std_error(posterior_std)).all()


def test_gaussian_map_follows_the_scalar_kalman_filter():
    """Five cycles of x ← 0.9 x + noise of variance 0.2, observed with σ = 0.4."""
    sigma, growth, model_variance = 0.4, 0.9, 0.2
    mean, variance = 1.0, 2.0
    draw = generator(3)
    x = mean + math.sqrt(variance) * torch.randn(SAMPLES, 1, generator=draw)
    for y in (0.3, -0.5, 1.2, 0.0, 0.8):
        mean, variance = growth * mean, growth**2 * variance + model_variance
        gain = variance / (variance + sigma**2)
        mean, variance = mean + gain * (y - mean), (1 - gain) * variance

        x = growth * x + math.sqrt(model_variance) * torch.randn(SAMPLES, 1, generator=draw)
        rule = gaussian_map(torch.tensor([sigma]), x.var(0))
        x = rule.apply(x, torch.tensor([y]), draw)
        # Errors of earlier cycles shrink by 0.9 (1 − K) < 0.5 each: they at most double the sum.
        assert abs(x.mean().item() - mean) < 2 * mean_error(math.sqrt(variance))
        assert abs(x.std().item() - math.sqrt(variance)) < 2 * std_error(math.sqrt(variance))


@pytest.mark.parametrize(
    "sigma, variance, b, c, s",
    [(0.1, 0.0, 1.0, 0.0, 0.0), (0.0, 0.5, 0.0, 1.0, 0.0), (0.0, 0.0, 1.0, 0.0, 0.0)],
)
def test_gaussian_map_at_its_limits(sigma, variance, b, c, s):
    """No spread: the prior stands, even against a perfect observation, which else wins."""
    rule = gaussian_map(torch.tensor([sigma]), torch.tensor([variance]))
    assert (rule.b.item(), rule.c.item(), rule.s.item()) == (b, c, s)
