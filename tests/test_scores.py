import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Tsunami, get_benchmark
from ldensf_core.scores import (
    coverage,
    crps,
    rank_histogram,
    relative_rmse,
    relative_spread,
    spread_skill,
)
from ldensf_core.verification.cycle import cycle_scores


@pytest.fixture(scope="module")
def basin():
    return Tsunami(20)


@pytest.fixture
def truth(basin):
    """Physical units; normalised values are standard normal."""
    return basin.denormalise(torch.randn(3, 20, 20, dtype=torch.float64))


def test_relative_rmse_of_a_scaled_truth(basin, truth):
    mean = basin.denormalise(1.1 * basin.normalise(truth))
    assert relative_rmse(basin, mean, truth) == pytest.approx(0.1)


def test_relative_rmse_of_the_truth_and_of_the_climatology(basin, truth):
    assert relative_rmse(basin, truth, truth) == 0.0
    climatology = basin.denormalise(torch.zeros_like(truth))
    assert relative_rmse(basin, climatology, truth) == pytest.approx(1.0)


def test_variables_count_alike_whatever_their_units(basin, truth):
    """An error of one standard deviation in either variable, metres or metres a second."""
    errors = []
    for i, v in enumerate(basin.variables):
        mean = truth.clone()
        mean[i] += v.std
        errors.append(relative_rmse(basin, mean, truth))
    expected = 20 / basin.normalise(truth).norm().item()
    assert errors == pytest.approx([expected] * 3)


def test_relative_spread_of_a_constant(basin, truth):
    spread = 0.2 * basin.std(truth)[:, None, None].expand_as(truth)
    expected = 0.2 * math.sqrt(truth.numel()) / basin.normalise(truth).norm().item()
    assert relative_spread(basin, spread, truth) == pytest.approx(expected)


def test_relative_spread_is_the_error_to_expect(basin):
    """Truth and members drawn alike: error of the mean, corrected for its sampling, and spread."""
    fields = basin.denormalise(1.0 + 0.3 * torch.randn(41, 3, 20, 20, dtype=torch.float64))
    truth, ensemble = fields[0], fields[1:]
    error = relative_rmse(basin, ensemble.mean(0), truth)
    spread = relative_spread(basin, ensemble.std(0), truth)
    assert spread * math.sqrt(41 / 40) == pytest.approx(error, rel=0.08)


# -- crps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bias, std", [(0.0, 1.0), (0.5, 0.4), (-2.0, 0.7)])
def test_crps_of_a_gaussian_ensemble(basin, truth, bias, std):
    """σ [z (2 Φ(z) − 1) + 2 φ(z) − 1/√π] with z = (truth − mean)/σ (Gneiting et al. 2005)."""
    members = basin.normalise(truth) + bias + std * torch.randn(400, *truth.shape).double()
    z = -bias / std
    phi = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    expected = std * (z * math.erf(z / math.sqrt(2)) + 2 * phi - 1 / math.sqrt(math.pi))
    assert crps(basin, basin.denormalise(members), truth) == pytest.approx(expected, rel=0.01)


def test_crps_of_few_members_is_unbiased(basin):
    """Against the definition, E|X − y| − E|X − X'|/2, of standard normal members and truth."""
    scores = []
    for _ in range(20):
        fields = basin.denormalise(torch.randn(4, 3, 20, 20, dtype=torch.float64))
        scores.append(crps(basin, fields[1:], fields[0]))
    assert sum(scores) / 20 == pytest.approx(1 / math.sqrt(math.pi), rel=0.03)


def test_crps_of_two_members_by_hand(basin, truth):
    """Members 1 and 3 above the truth: (1 + 3)/2 − |3 − 1|/2."""
    z = basin.normalise(truth)
    ensemble = basin.denormalise(torch.stack([z + 1, z + 3]))
    assert crps(basin, ensemble, truth) == pytest.approx(1.0)


def test_crps_of_one_member_is_undefined(basin, truth):
    assert math.isnan(crps(basin, truth[None], truth))


# -- reliability --------------------------------------------------------------------------


@pytest.mark.parametrize("members", [5, 20, 100])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_coverage_of_an_exchangeable_ensemble(members, level):
    """Uniform members: order statistics have means k/(M+1), so level (M − 1)/(M + 1) on average."""
    basin, fields = Tsunami(100), torch.rand(members + 1, 3, 100, 100)
    expected = level * (members - 1) / (members + 1)
    assert coverage(basin, fields[1:], fields[0], level) == pytest.approx(expected, abs=0.012)


def test_coverage_of_ensembles_far_too_wide_or_narrow():
    basin, truth = Tsunami(50), torch.randn(3, 50, 50)
    wide, narrow = truth + 100 * torch.randn(20, 3, 50, 50), 1e-3 * torch.randn(20, 3, 50, 50)
    assert coverage(basin, wide, truth) > 0.9
    assert coverage(basin, narrow, truth) < 0.01
    assert coverage(basin, truth[None].expand(3, -1, -1, -1), truth) == 1.0


def test_coverage_by_hand():
    """Members 0 to 10: quantiles 0.05 and 0.95 are 0.5 and 9.5."""
    ensemble = torch.arange(11.0)[:, None, None, None].expand(-1, 1, 2, 2)
    truth = torch.tensor([[[0.4, 0.6], [9.4, 9.6]]])
    assert coverage(Tsunami(2), ensemble, truth) == 0.5


@pytest.mark.parametrize("members", [1, 4, 20])
def test_ranks_of_an_exchangeable_ensemble_are_equally_frequent(members):
    basin, fields = Tsunami(40), torch.randn(members + 1, 3, 40, 40)
    found = rank_histogram(basin, fields[1:], fields[0])
    assert found.shape == (members + 1,)
    assert found.sum() == pytest.approx(1)
    expected = 1 / (members + 1)
    np.testing.assert_allclose(found, expected, atol=4 * math.sqrt(expected / 4800))


def test_ranks_by_hand():
    """Members 0 to 2; the second and third truth are ties, of the lower two ranks and of two."""
    ensemble = torch.arange(3.0)[:, None, None, None].expand(-1, 1, 2, 2)
    truth = torch.tensor([[[-1.0, 0.0], [1.0, 5.0]]])
    found = rank_histogram(Tsunami(2), ensemble, truth)
    np.testing.assert_allclose(found, [1.5 / 4, 1 / 4, 0.5 / 4, 1 / 4])


def test_ranks_of_a_large_grid_are_taken_on_every_few_points():
    basin, truth = Tsunami(100), torch.zeros(3, 100, 100)
    truth[:, 1::3, 1::3] = 1.0
    ensemble = torch.full((2, 3, 100, 100), 0.5)
    np.testing.assert_array_equal(rank_histogram(basin, ensemble, truth), [0, 0, 1])


def test_ranks_of_an_ensemble_that_blew_up_are_unknown():
    ensemble = torch.zeros(2, 3, 20, 20)
    ensemble[1, 2, 3, 4] = torch.inf
    found = rank_histogram(Tsunami(20), ensemble, torch.zeros(3, 20, 20))
    assert found.shape == (3,) and np.isnan(found).all()


@pytest.mark.parametrize("members", [2, 5, 20])
def test_spread_skill_of_an_exchangeable_ensemble_is_one(members):
    fields = torch.randn(members + 1, 3, 100, 100, dtype=torch.float64)
    truth, ensemble = fields[0], fields[1:]
    variance = ensemble.var(0).mean().item()
    square_error = (ensemble.mean(0) - truth).square().mean().item()
    assert spread_skill(variance, square_error, members) == pytest.approx(1.0, rel=0.03)
    assert spread_skill(variance, 4 * square_error, members) == pytest.approx(0.5, rel=0.03)


# -- the area of the sphere ---------------------------------------------------------------


@pytest.fixture(scope="module")
def atmosphere():
    return get_benchmark("atmosphere")


def northern(atmosphere, profile, beyond=0.0):
    """A normalised field (3, ny, nx): ``profile`` of latitude north of ``beyond``, else zero."""
    latitude = atmosphere.y.points
    values = np.where(latitude > beyond, profile(np.radians(latitude)), 0.0)
    return torch.as_tensor(values)[:, None].expand(3, *atmosphere.grid_shape)


PROFILES = {
    # Mean square over the sphere: half the integral of cos φ times the square.
    "north of 45°": ((np.ones_like, 45.0), (1 - math.sin(math.pi / 4)) / 2),
    "cosine in the north": ((np.cos, 0.0), 1 / 3),
    "sine in the north": ((np.sin, 0.0), 1 / 6),
}


@pytest.mark.parametrize("name", PROFILES)
def test_errors_count_by_their_area(atmosphere, name):
    """Errors of one hemisphere, against a truth of one standard deviation everywhere."""
    arguments, mean_square = PROFILES[name]
    error = northern(atmosphere, *arguments)
    one = torch.ones_like(error)
    truth = atmosphere.denormalise(one)
    expected = math.sqrt(mean_square)
    mean = atmosphere.denormalise(one + error)
    assert relative_rmse(atmosphere, mean, truth) == pytest.approx(expected, rel=1e-3)
    spread = error * atmosphere.std(error)[:, None, None]
    assert relative_spread(atmosphere, spread, truth) == pytest.approx(expected, rel=1e-3)


def test_probability_scores_count_by_their_area(atmosphere):
    """Members 1 and 3 above the truth beyond 45° N, around it elsewhere."""
    share = (1 - math.sin(math.pi / 4)) / 2
    beyond = northern(atmosphere, np.ones_like, 45.0)
    members = torch.stack([2 * beyond - 1, 2 * beyond + 1])
    truth = atmosphere.denormalise(torch.zeros_like(beyond))
    ensemble = atmosphere.denormalise(members)
    assert coverage(atmosphere, ensemble, truth) == pytest.approx(1 - share, rel=1e-4)
    # (1 + 3)/2 − |3 − 1|/2 = 1 there, and (1 + 1)/2 − 2/2 = 0 elsewhere.
    assert crps(atmosphere, ensemble, truth) == pytest.approx(share, rel=1e-3)


def test_ranks_count_by_their_area(atmosphere):
    """The truth exceeds all members beyond 45° N, and none elsewhere."""
    truth = northern(atmosphere, np.ones_like, 45.0)
    found = rank_histogram(atmosphere, torch.full((2, *truth.shape), 0.5), truth)
    assert found == pytest.approx([0.854, 0, 0.146], abs=0.02)


def test_scores_of_a_cycle_count_by_their_area(atmosphere):
    error, spread = northern(atmosphere, np.cos), northern(atmosphere, np.sin)
    one, std = torch.ones_like(error), atmosphere.std(error)[:, None, None]
    truth = atmosphere.denormalise(one)
    mean = atmosphere.denormalise(one + error)
    estimate = SimpleNamespace(
        innovation=None,
        mean=mean,
        spread=spread * std,
        ensemble=torch.stack([mean - spread * std, mean + spread * std]),
        parameters=torch.tensor([[10.0, 2.0], [20.0, 3.0]]),
    )
    result = SimpleNamespace(estimate=estimate, forecast_ms=1.0, analysis_ms=2.0, decode_ms=3.0)
    cycle = SimpleNamespace(truth=truth, filters={"none": result})
    scores = cycle_scores(atmosphere, cycle, "none", np.array([15.0, 2.5]))
    assert scores["rel_rmse"] == pytest.approx(math.sqrt(1 / 3), rel=1e-3)
    assert scores["rel_spread"] == pytest.approx(math.sqrt(1 / 6), rel=1e-3)
    assert scores["square_error"] == pytest.approx(1 / 3, rel=1e-3)
    assert scores["variance"] == pytest.approx(1 / 6, rel=1e-3)
    assert scores["parameter_error"] == pytest.approx(0.0, abs=1e-6)


def test_weights_of_a_box_are_all_one(basin, truth):
    assert torch.equal(basin.domain.areas(truth), torch.ones(20, 20, dtype=torch.float64))
