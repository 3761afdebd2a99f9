import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis, Tsunami
from ldensf_core.domains.bases import SolenoidalBasis, SphereBasis
from ldensf_core.encoders import OptimalInterpolation
from ldensf_core.observations import SensorNetwork

COUNT = 30
"""Coefficients of each variable of the tsunami."""
RESIDUAL = torch.tensor([0.01, 0.02, 0.03])


@pytest.fixture(scope="module")
def basin():
    return Tsunami(20)


@pytest.fixture(scope="module")
def deviations():
    """Larger scales have more variance, differently in each variable."""
    decay = torch.tensor([[0.03], [0.06], [0.1]])
    return torch.exp(-decay * torch.arange(COUNT)).flatten()


@pytest.fixture(scope="module")
def interpolation(basin, deviations):
    return OptimalInterpolation(basin.basis(3 * COUNT), deviations, RESIDUAL)


def cells(n, seed=0):
    """n different grid points, as (rows, columns)."""
    drawn = np.random.default_rng(seed).choice(400, n, replace=False)
    return drawn // 20, drawn % 20


def at_cells(basin, rows, columns):
    return torch.as_tensor(np.stack([basin.x.points[columns], basin.y.points[rows]], axis=-1))


def everything(n):
    return torch.ones(n, 3, dtype=torch.bool)


def by_variable(coefficients):
    """(..., K) → (..., V, C)."""
    return coefficients.unflatten(-1, (3, COUNT))


def functions_at_cells(basis, rows, columns):
    """Φ by way of the grid: every basis function synthesised, then read at sensors (V, n, K)."""
    fields = basis.synthesise(torch.eye(basis.count)) - basis.rest[:, None, None]
    return fields[..., rows, columns].movedim(0, -1).double().numpy()


def estimated(gain, values):
    """Coefficients (..., K), in units of D, from the gain (K, V, n) and values (..., n, V)."""
    return torch.einsum("kvn,...nv->...k", gain, values)


def kalman(phi, deviations, present, variances):
    """Textbook gain (K, V, n) and posterior covariance (K, K), both of coefficients, in float64.

    For coefficients a ~ N(0, D²) of which Φ a, (V, n, K), is seen where ``present`` (n, V),
    with independent errors of ``variances`` (V,).
    """
    seen = present.T.numpy()
    prior = np.diag(deviations.double().numpy() ** 2)
    h = phi[seen]
    r = np.diag((np.asarray(variances)[:, None] * np.ones(phi.shape[1]))[seen])
    gain = np.zeros((phi.shape[2], *seen.shape))
    gain[:, seen] = prior @ h.T @ np.linalg.inv(h @ prior @ h.T + r)
    return gain, prior - gain[:, seen] @ h @ prior


def shares(interpolation, left):
    """Of the climatological variance, what ``left`` (K,) is of it in each band.

    A group's coefficients by falling variance: the first, the second, two, four, eight and so on.
    """
    left, prior = np.asarray(left), interpolation.deviations.double().numpy() ** 2
    of_bands = []
    for group in interpolation.basis.groups:
        own = np.arange(len(prior))[group.coefficients]
        own = own[np.argsort(-prior[own], kind="stable")]
        of_bands += [
            left[band].sum() / prior[band].sum()
            for band in np.split(own, 2 ** np.arange(12))
            if len(band)
        ]
    return torch.tensor(of_bands, dtype=torch.float32)


@pytest.mark.parametrize("noise", [[0.0, 0.0, 0.0], [0.1, 0.3, 0.5]])
def test_gain_is_gaussian_conditioning(basin, interpolation, deviations, noise):
    """The Kalman gain for coefficients a ~ N(0, D²) seen as Φ a + noise, in its dual form."""
    rows, columns = cells(25)
    present = everything(25)
    present[3:9, 0] = False  # other sensors miss other variables
    present[20:, 1] = False
    gain, unknown = interpolation.gain(at_cells(basin, rows, columns), present, torch.tensor(noise))
    assert gain.shape == (3 * COUNT, 3, 25) and unknown.shape == (interpolation.count,)
    phi = functions_at_cells(interpolation.basis, rows, columns)
    variances = np.square(noise) + RESIDUAL.numpy()
    expected, posterior = kalman(phi, deviations, present, variances)
    # The gain is in units of D.
    np.testing.assert_allclose(deviations[:, None, None] * gain, expected, atol=2e-5)
    assert (gain.mT[:, ~present] == 0).all()
    left = shares(interpolation, np.diag(posterior))
    torch.testing.assert_close(unknown, left, rtol=1e-4, atol=1e-6)


def test_nothing_seen_is_nothing_known(basin, interpolation):
    positions = at_cells(basin, *cells(16))
    gain, unknown = interpolation.gain(positions, ~everything(16), torch.full((3,), 0.1))
    assert (gain == 0).all()
    assert torch.equal(unknown, torch.ones(interpolation.count))


def test_noise_that_drowns_everything_leaves_next_to_nothing_known(basin, interpolation):
    positions = at_cells(basin, *cells(16))
    gain, unknown = interpolation.gain(positions, everything(16), torch.full((3,), 1e4))
    assert gain.abs().max() < 1e-6
    assert (unknown > 0.999).all()


def test_dense_sensors_without_noise_give_the_coefficients(basin, deviations):
    basis = basin.basis(3 * COUNT)
    exact = OptimalInterpolation(basis, deviations, torch.full((3,), 1e-8))
    network = SensorNetwork.at(basin, at_cells(basin, *cells(150)).numpy())
    coefficients = deviations * torch.randn(3 * COUNT)
    values = network.values(basis.synthesise(coefficients)) - basis.rest

    gain, unknown = exact.gain(torch.as_tensor(network.positions), everything(150), torch.zeros(3))
    found = deviations * estimated(gain, values)
    torch.testing.assert_close(found, coefficients, atol=1e-3, rtol=0)
    assert (unknown < 1e-6).all()


def test_estimates_are_as_far_off_as_they_say(basin, interpolation, deviations):
    """Over many fields drawn from the climatology, the error's variance is the unknown share."""
    network = SensorNetwork.random(basin, 20, seed=4)
    positions, noise = torch.as_tensor(network.positions), torch.full((3,), 0.2)
    gain, unknown = interpolation.gain(positions, everything(20), noise)
    coefficients = deviations * torch.randn(4000, 3 * COUNT)
    values = interpolation.basis.at(coefficients, positions) - interpolation.basis.rest
    values = values + (noise.square() + RESIDUAL).sqrt() * torch.randn_like(values)
    error = deviations * estimated(gain, values) - coefficients
    left = shares(interpolation, error.square().mean(0))
    torch.testing.assert_close(left, unknown, rtol=0.1, atol=0)
    assert unknown.min() < 0.1 and unknown.max() > 0.5  # coarse scales are known, fine ones less


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


# -- coefficients that speak of several variables -----------------------------------------


def axis(name, n, low, high, periodic=True):
    points = low + (np.arange(n) + 0.5) / n * (high - low)
    return Axis(name, name, "1", points, low, high, periodic)


@pytest.fixture(scope="module")
def box():
    """Incompressible flow, with larger scales of more variance."""
    std, rest = torch.tensor([1.2, 0.7]), torch.tensor([0.1, -0.2])
    basis = SolenoidalBasis(axis("x", 20, 0.0, 6.0), axis("y", 20, 0.0, 6.0), std, rest, 40)
    deviations = torch.exp(-0.05 * torch.arange(40))
    return OptimalInterpolation(basis, deviations, torch.tensor([0.01, 0.03]))


@pytest.fixture(scope="module")
def globe():
    std, rest = torch.tensor([300.0, 20.0, 8.0]), torch.tensor([0.0, 0.3, -0.2])
    x, y = axis("x", 40, 0.0, 360.0), axis("y", 20, -90.0, 90.0, periodic=False)
    basis = SphereBasis(x, y, std, rest, 100)
    deviations = 0.2 + torch.rand(basis.count, generator=torch.Generator().manual_seed(0))
    return OptimalInterpolation(basis, deviations, RESIDUAL)


@pytest.fixture(params=["box", "globe"])
def grouped(request):
    return request.getfixturevalue(request.param)


def sensors(interpolation, n, seed=2):
    """Positions (n, 2) on grid points, with their rows and columns."""
    *_, ny, nx = interpolation.basis.synthesise(torch.zeros(interpolation.basis.count)).shape
    drawn = np.random.default_rng(seed).choice(ny * nx, n, replace=False)
    rows, columns = drawn // nx, drawn % nx
    (x0, x1), (y0, y1) = ((0, 6), (0, 6)) if nx == ny else ((0, 360), (-90, 90))
    x, y = x0 + (columns + 0.5) / nx * (x1 - x0), y0 + (rows + 0.5) / ny * (y1 - y0)
    return torch.as_tensor(np.stack([x, y], axis=-1)), rows, columns


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_gain_is_gaussian_conditioning_of_groups(grouped, noise):
    """Other sensors miss other variables, and no group hears of those of another."""
    basis, v = grouped.basis, len(grouped.residual)
    positions, rows, columns = sensors(grouped, 25)
    present = everything(25)[:, :v].clone()
    present[3:9, 0] = False
    present[20:, 1] = False
    gain, unknown = grouped.gain(positions, present, torch.full((v,), noise))
    assert gain.shape == (basis.count, v, 25) and gain.dtype == torch.float32

    phi = functions_at_cells(basis, rows, columns)
    variances = noise**2 + grouped.residual.numpy()
    expected, posterior = kalman(phi, grouped.deviations, present, variances)
    found = (grouped.deviations[:, None, None] * gain).numpy()
    np.testing.assert_allclose(found, expected, atol=5e-5)
    left = shares(grouped, np.diag(posterior))
    torch.testing.assert_close(unknown, left, rtol=1e-4, atol=1e-6)
    for group in basis.groups:
        own = group.coefficients
        others = [i for i in range(v) if i not in group.variables]
        assert (gain[own, others] == 0).all()


def test_u_tells_of_v_where_flow_has_no_divergence(box):
    """v, never measured, is found from u: better than by its climatology, and ever better."""
    basis, n = box.basis, 60
    truths = box.deviations * torch.randn(500, basis.count)
    fields = basis.synthesise(truths)
    positions, rows, columns = sensors(box, n)
    present = torch.tensor([True, False]).expand(n, 2)
    gain, unknown = box.gain(positions, present, torch.full((2,), 0.05))
    assert (gain[:, 1] == 0).all()
    values = (fields[..., rows, columns] - basis.rest[:, None]).mT
    guess = basis.synthesise(box.deviations * estimated(gain, values))
    climatology = (fields - basis.rest[:, None, None])[:, 1].square().mean()
    error = (guess - fields).square().mean((0, 2, 3))
    # What flows along y alone, and does not change along y, cannot be seen in u.
    assert error[0] < 0.01 * climatology and error[1] < 0.5 * climatology
    both = box.gain(positions, everything(n)[:, :2], torch.full((2,), 0.05))[1]
    assert (both < unknown).all() and (unknown <= 1).all()


def test_unknown_shares_of_groups_lie_between_nothing_and_everything(grouped):
    v = len(grouped.residual)
    left = []
    for n in (1, 5, 20, 80, 320):
        positions, *_ = sensors(grouped, n)
        noise = torch.full((v,), 0.2)
        left.append(grouped.gain(positions, torch.ones(n, v, dtype=torch.bool), noise)[1])
        gain, unknown = grouped.gain(positions, torch.zeros(n, v, dtype=torch.bool), noise)
        assert (gain == 0).all() and torch.equal(unknown, torch.ones(grouped.count))
    left = torch.stack(left)
    assert ((0 < left) & (left < 1)).all() and (left.diff(dim=0) < 0).all()


def test_winds_say_nothing_of_heights_and_are_known_together(globe):
    """Their group is one: u alone lowers the unknown share of u and v."""
    positions, *_ = sensors(globe, 40)
    present = torch.tensor([False, True, False]).expand(40, 3)
    gain, unknown = globe.gain(positions, present, torch.full((3,), 0.1))
    heights, winds = (group.coefficients for group in globe.basis.groups)
    of_heights, of_winds = unknown.split([len(bands) for bands in globe.bands])
    assert (gain[heights] == 0).all() and (of_heights == 1).all()
    assert (gain[winds, 1] != 0).any() and of_winds[0] < 0.9
