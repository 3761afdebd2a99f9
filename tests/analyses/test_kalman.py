import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from ldensf_core.analyses import kalman
from ldensf_core.analyses.kalman import enkf_analysis, letkf_analysis, update_weights, updated

# Sampling errors are held to this many standard errors: some hundred entries are compared.
SIGMAS = 4.5


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def scene(members=9, points=12, n=7):
    """Members (M, V, G), what is observed of them through a random matrix, y and variances."""
    ensemble = normal(members, 2, points, seed=1)
    h = normal(n, 2 * points, seed=2)
    variance = 0.1 + normal(n, seed=3).square()
    return ensemble, h, ensemble.flatten(1) @ h.mT, 3 * normal(n, seed=4), variance


def analysis(inflation=1.0, **scene_options):
    ensemble, _, observed, y, variance = scene(**scene_options)
    taper = torch.ones(ensemble.shape[-1], len(y), dtype=torch.float64)
    return letkf_analysis(ensemble, observed, y, variance, taper, inflation).flatten(1).numpy()


def exact_etkf(ensemble, h, y, variance, inflation):
    """The ETKF in state space: Kalman's mean, deviations times the root of a matrix by Schur."""
    members = len(ensemble)
    mean = ensemble.mean(axis=0)
    x = inflation * (ensemble - mean)
    covariance = x.T @ x / (members - 1)
    gain = covariance @ h.T @ np.linalg.inv(h @ covariance @ h.T + np.diag(variance))
    precision = np.eye(members) + (x @ h.T) / variance @ (x @ h.T).T / (members - 1)
    root = sqrtm(np.linalg.inv(precision)).real
    return mean + gain @ (y - h @ mean) + root @ x, gain, covariance


# -- without localisation -------------------------------------------------------------------


@pytest.mark.parametrize("inflation", [1.0, 1.3])
@pytest.mark.parametrize("sizes", [(9, 12, 7), (5, 3, 40), (30, 4, 1)])
def test_it_is_the_exact_etkf(inflation, sizes):
    ensemble, h, _, y, variance = (part.numpy() for part in scene(*sizes))
    members, _, _ = exact_etkf(ensemble.reshape(len(ensemble), -1), h, y, variance, inflation)
    found = analysis(inflation, members=sizes[0], points=sizes[1], n=sizes[2])
    np.testing.assert_allclose(found, members, atol=1e-10)


def test_covariance_is_kalmans():
    ensemble, h, _, y, variance = (part.numpy() for part in scene())
    _, gain, covariance = exact_etkf(ensemble.reshape(9, -1), h, y, variance, 1.0)
    expected = covariance - gain @ h @ covariance
    np.testing.assert_allclose(np.cov(analysis().T), expected, atol=1e-10)


def test_one_matrix_serves_all_points_that_share_it():
    ensemble, _, observed, y, variance = scene()
    one = update_weights(observed, y, variance, torch.ones(1, len(y)))
    assert one.shape == (1, 9, 9)
    np.testing.assert_allclose(updated(ensemble, one).flatten(1), analysis(), atol=1e-12)


ROTATION = 0.97 * torch.tensor(
    [[math.cos(0.6), -math.sin(0.6)], [math.sin(0.6), math.cos(0.6)]], dtype=torch.float64
)
"""A damped oscillation."""


def kalman_filter(mean, p, h, variance, observations):
    """Mean and covariance after each cycle of the Kalman filter."""
    for y in observations:
        mean, p = ROTATION @ mean, ROTATION @ p @ ROTATION.mT
        gain = p @ h.mT @ torch.linalg.inv(h @ p @ h.mT + variance.diag())
        mean, p = mean + gain @ (y - h @ mean), p - gain @ h @ p
        yield mean, p


def test_linear_gaussian_cycles_are_the_kalman_filter():
    """With the ensemble's own mean and covariance to begin with; one component is observed."""
    ensemble, observations = 1.0 + normal(30, 2, seed=1), 2 * normal(12, 1, seed=5)
    h, variance = torch.eye(2, dtype=torch.float64)[:1], torch.tensor([0.3], dtype=torch.float64)
    exact = kalman_filter(ensemble.mean(0), ensemble.T.cov(), h, variance, observations)
    for y, (mean, p) in zip(observations, exact, strict=True):
        ensemble = ensemble @ ROTATION.mT
        found = letkf_analysis(ensemble[..., None], ensemble @ h.mT, y, variance, torch.ones(1, 1))
        ensemble = found[..., 0]
        torch.testing.assert_close(ensemble.mean(0), mean)
        torch.testing.assert_close(ensemble.T.cov(), p)


def test_stochastic_filter_follows_the_kalman_filter():
    members, draw = 100_000, generator(7)
    ensemble, observations = 1.0 + normal(members, 2, seed=1), 2 * normal(12, 2, seed=5)
    h, variance = torch.eye(2, dtype=torch.float64), torch.tensor([0.3, 2.0], dtype=torch.float64)
    mean = torch.ones(2, dtype=torch.float64)
    exact = kalman_filter(mean, h, h, variance, observations)
    for y, (mean, p) in zip(observations, exact, strict=True):
        ensemble = enkf_analysis(ensemble @ ROTATION.mT, y, variance, draw)
        # Every cycle samples anew, and forgets: the sum of all errors is about twice the last.
        spread = p.diag().sqrt()
        error = 2 * SIGMAS * spread / math.sqrt(members)
        assert ((ensemble.mean(0) - mean).abs() < error).all()
        assert ((ensemble.T.cov() - p).abs() < error.outer(spread) * math.sqrt(2)).all()


def test_inflation_is_that_of_the_forecast():
    ensemble, h, _, y, variance = scene()
    mean = ensemble.mean(0)
    wider = mean + 1.3 * (ensemble - mean)
    taper = torch.ones(12, 7)
    again = letkf_analysis(wider, wider.flatten(1) @ h.mT, y, variance, taper)
    np.testing.assert_allclose(again.flatten(1), analysis(1.3), atol=1e-12)


def test_single_precision_stays_close():
    """With 300 observations a hundred times as precise as the forecast."""
    ensemble, observed = normal(20, 1, 5, seed=1), normal(20, 300, seed=2)
    y, variance = normal(300, seed=3), torch.full((300,), 1e-4, dtype=torch.float64)
    double = letkf_analysis(ensemble, observed, y, variance, torch.ones(5, 300))
    parts = (part.float() for part in (ensemble, observed, y, variance))
    single = letkf_analysis(*parts, torch.ones(5, 300))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, double.float(), atol=1e-4, rtol=0)


# -- with localisation ----------------------------------------------------------------------


def test_a_taper_is_less_precise_an_observation():
    ensemble, _, observed, y, variance = scene()
    taper = torch.rand(12, 7, generator=generator(), dtype=torch.float64)
    taper[3, 2:] = 0.0
    found = letkf_analysis(ensemble, observed, y, variance, taper)
    for i, weights in enumerate(taper):
        some = weights > 0
        alone = letkf_analysis(
            ensemble[..., i : i + 1],
            observed[:, some],
            y[some],
            (variance / weights)[some],
            torch.ones(1, int(some.sum())),
        )
        torch.testing.assert_close(found[..., i : i + 1], alone, atol=1e-11, rtol=0)


def test_what_nothing_observes_stays_as_it_is():
    """Nor is it inflated."""
    ensemble, _, observed, y, variance = scene()
    taper = torch.ones(12, 7)
    taper[4:8] = 0.0
    found = letkf_analysis(ensemble, observed, y, variance, taper, inflation=1.5)
    assert torch.equal(found[..., 4:8], ensemble[..., 4:8])
    assert (found[..., :4] - ensemble[..., :4]).abs().min() > 1e-6


def test_memory_is_bounded_at_no_cost(monkeypatch):
    whole = analysis()
    monkeypatch.setattr(kalman, "CHUNK", 2 * 9**2)  # two points, two observations at a time
    np.testing.assert_allclose(analysis(), whole, atol=1e-12)


def test_one_member_stays_as_it_is():
    assert np.array_equal(analysis(members=1), scene(members=1)[0].flatten(1))
    one, ones = normal(1, 4), torch.ones(4, dtype=torch.float64)
    assert torch.equal(enkf_analysis(one, 3 * ones, ones), one)


@pytest.mark.parametrize("lost", [torch.nan, torch.inf, 1e200])
def test_an_ensemble_that_has_blown_up_stays_so(lost):
    """Instead of an eigenvalue solver that does not converge."""
    observed = torch.randn(4, 3, dtype=torch.float64)
    observed[2, 1] = lost
    weights = update_weights(observed, torch.zeros(3), torch.ones(3), torch.ones(5, 3))
    assert weights.shape == (5, 4, 4) and weights.isnan().all()


# -- the stochastic filter --------------------------------------------------------------------


def test_stochastic_filter_lets_an_ensemble_blow_up():
    ensemble = torch.randn(4, 3)
    ensemble[2, 1] = torch.inf
    assert enkf_analysis(ensemble, torch.zeros(3), torch.ones(3)).isnan().any()


def test_stochastic_filter_samples_the_posterior():
    """Of a correlated prior, in three dimensions."""
    members = 100_000
    root = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 0.2]], dtype=torch.float64)
    ensemble = 1.0 + normal(members, 3, seed=1) @ root.mT
    variance = torch.tensor([0.1, 1.0, 4.0], dtype=torch.float64)
    y = torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64)
    p = root @ root.mT
    gain = p @ torch.linalg.inv(p + variance.diag())
    mean, covariance = 1.0 + gain @ (y - 1.0), p - gain @ p

    found = enkf_analysis(ensemble, y, variance, generator())
    spread = covariance.diag().sqrt()
    assert ((found.mean(0) - mean).abs() < SIGMAS * spread / math.sqrt(members)).all()
    tolerance = SIGMAS * math.sqrt(2 / members) * spread.outer(spread)
    assert ((found.T.cov() - covariance).abs() < tolerance).all()


def test_stochastic_filter_follows_its_generator():
    ensemble, y, variance = normal(6, 4, seed=1), normal(4, seed=2), normal(4, seed=3).square()
    first, again, other = (
        enkf_analysis(ensemble, y, variance, generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("variance", [0.0, -1.0, math.nan])
def test_impossible_variance_is_named(variance):
    ensemble, _, observed, y, variances = scene()
    variances[2] = variance
    with pytest.raises(ValueError, match=f"variance = {variance:g}: more than 0"):
        letkf_analysis(ensemble, observed, y, variances, torch.ones(12, 7))


@pytest.mark.parametrize("inflation", [0.0, -1.0, math.nan])
def test_impossible_inflation_is_named(inflation):
    with pytest.raises(ValueError, match=f"inflation = {inflation}: more than 0"):
        analysis(inflation)
