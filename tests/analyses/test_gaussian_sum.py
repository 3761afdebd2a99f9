"""The Gaussian sum against closed forms of linear problems and against quadrature."""

import math

import pytest
import torch

from ldensf_core.analyses.gaussian_sum import (
    KAPPA,
    GaussianSum,
    even_normals,
    evidence,
    prior_centres,
)

DRAW = torch.Generator().manual_seed(3)
J = torch.randn(12, 2, generator=DRAW, dtype=torch.float64)
OFFSET = torch.randn(12, generator=DRAW, dtype=torch.float64)
R = 100.0  # so large that no residual is large for Huber


def linear(sum_, y, variance=R):
    """The evidence of y = J u + offset + noise."""
    predicted = sum_.centre @ J.T + OFFSET
    weight = torch.full_like(y, 1 / variance)
    return evidence(predicted, J.expand(len(sum_), -1, -1), y, weight)


def measured(u, seed):
    noise = torch.randn(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return J @ torch.tensor(u, dtype=torch.float64) + OFFSET + math.sqrt(R) * noise


def mean_and_covariance(sum_):
    covariance = torch.linalg.inv(sum_.precision)
    return sum_.centre + (covariance @ sum_.gradient[..., None])[..., 0], covariance


def test_it_is_bayes_for_a_linear_problem():
    """Two observations, one component."""
    sum_ = GaussianSum(torch.tensor([[0.3, -0.2]]), width=0.5)
    observed = [measured([0.5, 0.1], seed) for seed in (1, 2)]
    for y in observed:
        sum_.add(linear(sum_, y))
    precision = torch.eye(2).double() / 0.25 + 2 * J.T @ J / R
    right = torch.tensor([0.3, -0.2]).double() / 0.25
    right = right + sum(J.T @ (y - OFFSET) / R for y in observed)
    mean, covariance = mean_and_covariance(sum_)
    torch.testing.assert_close(mean[0], torch.linalg.solve(precision, right), atol=1e-6, rtol=0)
    torch.testing.assert_close(covariance[0], torch.linalg.inv(precision))


def test_moving_centres_changes_nothing_for_a_linear_problem():
    """Neither means nor covariances nor weights."""
    still, moved = (GaussianSum(prior_centres(8, 2, seed=5), width=0.4) for _ in range(2))
    for seed in range(3):
        y = measured([0.5, 0.1], seed)
        moved.move_towards(linear(moved, y), bound=10.0)
        still.add(linear(still, y))
        moved.add(linear(moved, y))
    assert not torch.allclose(still.centre, moved.centre, atol=1e-2)
    for one, other in zip(mean_and_covariance(still), mean_and_covariance(moved), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)
    torch.testing.assert_close(still.log_weights(), moved.log_weights(), atol=1e-6, rtol=0)


def test_weights_are_the_components_evidence():
    """N(y; J c + offset, w² J Jᵀ + R) of every component."""
    sum_ = GaussianSum(prior_centres(6, 2, seed=5), width=0.4)
    y = measured([0.2, 0.3], 4)
    sum_.add(linear(sum_, y))
    covariance = 0.4**2 * J @ J.T + R * torch.eye(12).double()
    logs = torch.stack(
        [
            torch.distributions.MultivariateNormal(J @ c + OFFSET, covariance).log_prob(y)
            for c in sum_.centre
        ]
    )
    torch.testing.assert_close(sum_.log_weights(), logs.log_softmax(0), atol=1e-9, rtol=0)


def test_two_modes_stay_and_get_their_weights():
    """y = u² leaves two signs; a second observation of u decides."""
    sum_ = GaussianSum(prior_centres(64, 1, seed=5), width=0.02)
    y = torch.tensor([0.25])
    for _ in range(3):
        sum_.move_towards(square(sum_, y, 0.01), bound=1.0)
    sum_.add(square(sum_, y, 0.01))
    index, about = sum_.draw(even_normals(1000, 1, torch.Generator().manual_seed(0)))
    members = (sum_.centre[index] + about)[:, 0]
    # By quadrature of the prior, uniform on [−1, 1], times the likelihood.
    u = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    p = torch.exp(-0.5 * (u.square() - 0.25) ** 2 / 0.01)
    p = p / p.sum()
    assert float((members > 0).double().mean()) == pytest.approx(0.5, abs=0.1)
    expected = float((p * u.abs()).sum())
    assert float(members.abs().mean()) == pytest.approx(expected, abs=0.02)
    spread = float(((p * u.square()).sum() - expected**2).sqrt())
    assert float(members.abs().std()) == pytest.approx(spread, rel=0.15)
    weight = torch.tensor([1 / 0.04])
    sum_.add(evidence(sum_.centre, torch.ones(64, 1, 1).double(), torch.tensor([-0.5]), weight))
    index, about = sum_.draw(even_normals(200, 1, torch.Generator().manual_seed(0)))
    assert float(((sum_.centre[index] + about) < 0).double().mean()) > 0.98


def square(sum_, y, variance):
    weight = torch.tensor([1 / variance])
    return evidence(sum_.centre.square(), 2 * sum_.centre[..., None], y, weight)


def test_a_wild_value_pulls_less_the_wilder_it_is():
    """And hardly tells components apart: here, two whose predictions are one σ apart."""
    y = torch.zeros(5, dtype=torch.float64)
    jacobian, weight = torch.ones(1, 5, 1).double(), torch.ones(5).double()
    for wild in (KAPPA + 0.5, 1e3, 1e30):
        y[2] = wild
        found, near = (
            evidence(torch.tensor([[0, 0, at, 0, 0]]).double(), jacobian, y, weight)
            for at in (0.0, 1.0)
        )
        assert float(found.gradient) == pytest.approx(KAPPA**2 / wild)
        assert 0 <= float(found.misfit - near.misfit) <= 2 * KAPPA**2 / (wild - 1)


def test_values_without_weight_say_nothing():
    """Whatever stands in their place."""
    sum_ = GaussianSum(torch.zeros(1, 2), width=1.0)
    y = measured([0.2, 0.3], 4)
    predicted = sum_.centre @ J.T + OFFSET
    weight = torch.full_like(y, 1 / R)
    weight[3:] = 0
    jacobian = J.expand(1, -1, -1)
    half = evidence(predicted, jacobian, y, weight)
    y[3:] = 1e6
    for one, other in zip(half, evidence(predicted, jacobian, y, weight), strict=True):
        assert torch.equal(one, other)
    few = evidence(predicted[:, :3], jacobian[:, :3], y[:3], weight[:3])
    torch.testing.assert_close(half.precision, few.precision)


def test_members_have_the_components_mean_and_covariance():
    """Exactly, for a single component: its normal numbers are even."""
    sum_ = GaussianSum(torch.tensor([[0.3, -0.2]]), width=0.5)
    sum_.add(linear(sum_, measured([0.5, 0.1], 1)))
    index, about = sum_.draw(even_normals(20, 2, torch.Generator().manual_seed(0)))
    members = sum_.centre[index] + about
    mean, covariance = mean_and_covariance(sum_)
    torch.testing.assert_close(members.mean(0), mean[0])
    torch.testing.assert_close(members.T.cov(), covariance[0])


def test_equal_components_are_merged_and_negligible_ones_dropped():
    """The sum's weights stay."""
    sum_ = GaussianSum(torch.tensor([[0.5], [0.501], [-0.5], [0.9]]), width=0.1)
    sum_.misfit.copy_(torch.tensor([0.0, 0.0, 2.0, 60.0]))
    before = sum_.log_weights().exp()
    index, weights = sum_.distinct(least=1e-6, near=0.5)
    assert sorted(index.tolist()) in ([0, 2], [1, 2])
    sum_.keep(index, weights)
    after = dict(zip(index.tolist(), sum_.log_weights().exp().tolist(), strict=True))
    assert after[2] == pytest.approx(float(before[2]), rel=1e-6)
    assert sum(after.values()) == pytest.approx(1.0)


def test_centres_are_spread_over_the_prior():
    """Every quarter of the square has its share; another seed gives others."""
    centres = prior_centres(256, 2, seed=1)
    assert (centres.abs() <= 1).all()
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            inside = (centres[:, 0] * sign_x > 0) & (centres[:, 1] * sign_y > 0)
            assert int(inside.sum()) == 64
    assert torch.equal(centres, prior_centres(256, 2, seed=1))
    assert not torch.equal(centres, prior_centres(256, 2, seed=2))
