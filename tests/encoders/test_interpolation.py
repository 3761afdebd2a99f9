import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.encoders import OptimalInterpolation
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import BASES

COUNT = 30
RESIDUAL = torch.tensor([0.01, 0.02, 0.03])
ALL = slice(None)


@pytest.fixture(scope="module")
def basin():
    return Tsunami(20)


@pytest.fixture(scope="module")
def deviations():
    """Larger scales have more variance, differently in each variable."""
    decay = torch.tensor([[0.03], [0.06], [0.1]])
    return torch.exp(-decay * torch.arange(COUNT))


@pytest.fixture(scope="module")
def interpolation(basin, deviations):
    return OptimalInterpolation(BASES["tsunami"](basin, COUNT), deviations, RESIDUAL)


def cells(n, seed=0):
    """n different grid points, as (rows, columns)."""
    drawn = np.random.default_rng(seed).choice(400, n, replace=False)
    return drawn // 20, drawn % 20


def at_cells(basin, rows, columns):
    return torch.as_tensor(np.stack([basin.x.points[columns], basin.y.points[rows]], axis=-1))


def everything(n):
    return torch.ones(n, 3, dtype=torch.bool)


def functions_at_cells(interpolation, variable, rows, columns):
    """Φ by way of the grid: every basis function synthesised, then read at the sensors (n, C)."""
    basis = interpolation.basis
    each = torch.zeros(COUNT, 3, COUNT)
    each[ALL, variable] = torch.eye(COUNT)
    fields = basis.synthesise(each)[ALL, variable] - basis.rest[variable]
    return fields[:, rows, columns].T.double().numpy()


@pytest.mark.parametrize("noise", [[0.0, 0.0, 0.0], [0.1, 0.3, 0.5]])
def test_gain_is_gaussian_conditioning(basin, interpolation, deviations, noise):
    """The Kalman gain for coefficients a ~ N(0, D²) seen as Φ a + noise, in its dual form."""
    rows, columns = cells(25)
    present = everything(25)
    present[3:9, 0] = False  # other sensors miss other variables
    present[20:, 1] = False
    gain, unknown = interpolation.gain(at_cells(basin, rows, columns), present, torch.tensor(noise))
    assert gain.shape == (3, COUNT, 25) and unknown.shape == (3,)
    for v in range(3):
        seen = present[:, v].numpy()
        phi = functions_at_cells(interpolation, v, rows, columns)[seen]
        d = deviations[v].double().numpy()
        prior = np.diag(d**2)
        r = noise[v] ** 2 + RESIDUAL[v].item()
        kalman = prior @ phi.T @ np.linalg.inv(phi @ prior @ phi.T + r * np.eye(len(phi)))
        posterior = prior - kalman @ phi @ prior
        found = d[:, None] * gain[v].double().numpy()  # from units of D to coefficients
        np.testing.assert_allclose(found[:, seen], kalman, atol=2e-5)
        assert (found[:, ~seen] == 0).all()
        expected = np.trace(posterior) / np.trace(prior)
        assert unknown[v].item() == pytest.approx(expected, rel=1e-4)


def test_nothing_seen_is_nothing_known(basin, interpolation):
    positions = at_cells(basin, *cells(16))
    gain, unknown = interpolation.gain(positions, ~everything(16), torch.full((3,), 0.1))
    assert (gain == 0).all()
    assert torch.equal(unknown, torch.ones(3))


def test_noise_that_drowns_everything_leaves_next_to_nothing_known(basin, interpolation):
    positions = at_cells(basin, *cells(16))
    gain, unknown = interpolation.gain(positions, everything(16), torch.full((3,), 1e4))
    assert gain.abs().max() < 1e-6
    assert (unknown > 0.999).all()


def test_dense_sensors_without_noise_give_the_coefficients(basin, deviations):
    basis = BASES["tsunami"](basin, COUNT)
    exact = OptimalInterpolation(basis, deviations, torch.full((3,), 1e-8))
    network = SensorNetwork.at(basin, at_cells(basin, *cells(150)).numpy())
    coefficients = deviations * torch.randn(3, COUNT)
    values = network.values(basis.synthesise(coefficients)) - basis.rest

    gain, unknown = exact.gain(torch.as_tensor(network.positions), everything(150), torch.zeros(3))
    found = deviations * (gain @ values.mT[..., None])[..., 0]
    torch.testing.assert_close(found, coefficients, atol=1e-3, rtol=0)
    assert (unknown < 1e-6).all()


def test_estimates_are_as_far_off_as_they_say(basin, interpolation, deviations):
    """Over many fields drawn from the climatology, the error's variance is the unknown share."""
    network = SensorNetwork.random(basin, 20, seed=4)
    positions, noise = torch.as_tensor(network.positions), torch.full((3,), 0.2)
    gain, unknown = interpolation.gain(positions, everything(20), noise)
    coefficients = deviations * torch.randn(4000, 3, COUNT)
    values = (interpolation.basis.at(coefficients, positions) - interpolation.basis.rest).mT
    values = values + (noise.square() + RESIDUAL).sqrt()[:, None] * torch.randn_like(values)
    error = deviations * (gain @ values[..., None])[..., 0] - coefficients
    share = error.square().sum(-1).mean(0) / deviations.square().sum(-1)
    torch.testing.assert_close(share, unknown, rtol=0.05, atol=0)
    assert (unknown > 0.05).all() and (unknown < 0.9).all()


def test_each_further_sensor_tells_more(basin, interpolation):
    positions = at_cells(basin, *cells(200, seed=1))
    shares = torch.stack(
        [
            interpolation.gain(positions[:n], everything(n), torch.full((3,), 0.1))[1]
            for n in (1, 2, 5, 10, 20, 50, 100, 200)
        ]
    )
    assert (shares.diff(dim=0) < 0).all()
    assert (shares[0] < 1).all() and (shares > 0).all()


def test_more_noise_tells_less(basin, interpolation):
    positions = at_cells(basin, *cells(30))
    levels = (0.0, 0.1, 0.2, 0.5, 1.0)
    shares = [interpolation.gain(positions, everything(30), torch.full((3,), s))[1] for s in levels]
    assert (torch.stack(shares).diff(dim=0) > 0).all()


def test_a_missing_value_is_a_sensor_that_is_not_there(basin, interpolation):
    positions, noise = at_cells(basin, *cells(30)), torch.full((3,), 0.1)
    present = everything(30)
    present[17] = False
    kept = torch.arange(30) != 17
    gain, unknown = interpolation.gain(positions, present, noise)
    without, unknown_without = interpolation.gain(positions[kept], everything(29), noise)
    torch.testing.assert_close(gain[..., kept], without, atol=1e-6, rtol=0)
    torch.testing.assert_close(unknown, unknown_without)


def test_two_sensors_in_one_place_count_as_their_mean(basin, interpolation):
    """Each errs on its own, so together they have half the variance."""
    one = at_cells(basin, *cells(1))
    gain, _ = interpolation.gain(one.expand(2, 2), everything(2), torch.full((3,), 0.3))
    single, _ = OptimalInterpolation(
        interpolation.basis, interpolation.deviations, RESIDUAL / 2
    ).gain(one, everything(1), torch.full((3,), 0.3 / 2**0.5))
    torch.testing.assert_close(gain.sum(-1, keepdim=True), single)
