import itertools
import math

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis
from ldensf_core.surrogate import SpectralDecoder, WallBasis

COUNT = 40
PARITIES = ("cs", "sc", "cc")


def axis(name, n, low, high):
    points = low + (np.arange(n) + 0.5) / n * (high - low)
    return Axis(name, name, "km", points, low, high)


X, Y = axis("x", 24, -100.0, 300.0), axis("y", 20, 50.0, 250.0)
REST = torch.tensor([0.2, -0.1, 0.5])


@pytest.fixture(scope="module")
def basis():
    return WallBasis(X, Y, PARITIES, REST, COUNT).double()


def coefficients(*batch):
    return torch.randn(*batch, len(PARITIES), COUNT, dtype=torch.float64)


def one_hot(variable, position):
    """The coefficients of a single basis function, the ``position``-th one kept."""
    c = torch.zeros(len(PARITIES), COUNT, dtype=torch.float64)
    c[variable, position] = 1.0
    return c


def grid_points():
    x, y = np.meshgrid(X.points, Y.points)
    return torch.as_tensor(np.stack([x, y], axis=-1).reshape(-1, 2))


def wave(parity, k, xi):
    """The k-th function of a parity, from its definition."""
    if parity == "s":
        return math.sqrt(2) * np.sin((k + 1) * np.pi * xi)
    return np.ones_like(xi) if k == 0 else math.sqrt(2) * np.cos(k * np.pi * xi)


# -- the basis ----------------------------------------------------------------------------


def test_mean_square_of_a_field_is_the_sum_of_squared_coefficients(basis):
    c = coefficients(5)
    fields = basis.synthesise(c) - basis.rest[:, None, None]
    assert fields.shape == (5, 3, 20, 24)
    torch.testing.assert_close(fields.square().mean((-1, -2)), c.square().sum(-1))


def test_basis_functions_are_orthonormal_under_the_mean_over_the_grid(basis):
    each = torch.eye(COUNT, dtype=torch.float64)[:, None].expand(-1, len(PARITIES), -1)
    functions = (basis.synthesise(each) - basis.rest[:, None, None]).flatten(-2).transpose(0, 1)
    gram = functions @ functions.mT / functions.shape[-1]
    expected = torch.eye(COUNT, dtype=torch.float64).expand_as(gram)
    torch.testing.assert_close(gram, expected, atol=1e-6, rtol=0)


def test_analysis_undoes_synthesis(basis):
    c = coefficients(2, 3)
    torch.testing.assert_close(basis.analyse(basis.synthesise(c)), c, atol=1e-6, rtol=0)


def test_analysis_is_the_closest_field_in_the_span(basis):
    """What is left out is orthogonal to all that could be put in."""
    fields = torch.randn(3, 20, 24, dtype=torch.float64)
    c = basis.analyse(fields)
    left = fields - basis.synthesise(c)
    others = basis.synthesise(coefficients()) - basis.rest[:, None, None]
    assert (left * others).mean((-1, -2)).abs().max() < 1e-6
    assert left.square().mean() > 0.5  # white noise has most of its energy beyond 40 waves


def test_at_grid_points_is_what_is_synthesised(basis):
    c = coefficients(4)
    at_points = basis.at(c, grid_points())
    assert at_points.shape == (4, 20 * 24, 3)
    expected = basis.synthesise(c).flatten(-2).mT
    torch.testing.assert_close(at_points, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("variable, parity", list(enumerate(PARITIES)))
def test_at_any_point_is_a_product_of_cosines_and_sines(basis, variable, parity):
    """Each kept function, at points off the grid, against its formula."""
    rng = np.random.default_rng(1)
    xi, upsilon = rng.random(50), rng.random(50)  # fractions of the box
    positions = torch.as_tensor(np.stack([-100 + 400 * xi, 50 + 200 * upsilon], axis=-1))
    pairs = sorted(itertools.product(range(9), range(9)), key=lambda p: p[0] ** 2 + p[1] ** 2)
    values = [basis.at(one_hot(variable, i), positions)[:, variable] for i in range(COUNT)]
    found = torch.stack(values).numpy() - REST[variable].item()
    # Pairs of the same k² + l² may come in any order, so whole shells are compared as sets.
    expected = np.stack([wave(parity[0], k, upsilon) * wave(parity[1], m, xi) for k, m in pairs])
    distance = np.abs(found[:, None] - expected).max(-1)
    nearest = distance.argmin(1)
    assert distance.min(1).max() < 1e-6
    assert len(set(nearest)) == COUNT
    radius = np.array([k**2 + m**2 for k, m in pairs])
    assert radius[nearest].tolist() == radius[:COUNT].tolist()


def test_a_velocity_vanishes_on_the_walls_that_it_would_cross(basis):
    c = coefficients(3)
    along = torch.linspace(0, 1, 11, dtype=torch.float64)
    for x in (X.low, X.high):
        wall = torch.stack([torch.full((11,), x), 50 + 200 * along], dim=-1)
        values = basis.at(c, wall)
        torch.testing.assert_close(values[..., 0], basis.rest[0].expand(3, 11), atol=1e-6, rtol=0)
        assert values[..., 1].std() > 0.1  # the other two are free there
    for y in (Y.low, Y.high):
        wall = torch.stack([-100 + 400 * along, torch.full((11,), y)], dim=-1)
        values = basis.at(c, wall)
        torch.testing.assert_close(values[..., 1], basis.rest[1].expand(3, 11), atol=1e-6, rtol=0)
        assert values[..., 2].std() > 0.1


def test_elevation_has_no_slope_at_the_walls(basis):
    c = coefficients()
    near = torch.tensor([[X.low, 120.0], [X.low + 1e-3, 120.0]], dtype=torch.float64)
    inside = torch.tensor([[60.0, 120.0], [60.0 + 1e-3, 120.0]], dtype=torch.float64)
    slope = [(basis.at(c, pair)[:, 2].diff() / 1e-3).abs().item() for pair in (near, inside)]
    assert slope[0] < 1e-3 * slope[1]


def test_basis_has_nothing_to_train_and_nothing_to_store(basis):
    assert not list(basis.parameters())
    assert not basis.state_dict()
    assert not basis.evaluate(grid_points()).requires_grad


# -- the decoder --------------------------------------------------------------------------


def decoder(scales=None):
    scales = torch.rand(3, COUNT) + 0.1 if scales is None else scales
    basis = WallBasis(X, Y, PARITIES, REST, COUNT)
    return SpectralDecoder(basis, scales, n_latent=4, width=16, blocks=2, last=24, features=8)


def test_loss_is_the_relative_squared_error_on_the_grid():
    """For fields in the span, with the scales that they have."""
    basis = WallBasis(X, Y, PARITIES, REST, COUNT)
    fields = basis.synthesise(coefficients(7).float() * torch.rand(3, COUNT))
    scales = basis.analyse(fields).square().mean(0).sqrt()
    decode, latent = decoder(scales), torch.randn(7, 4)

    error = (decode.on_grid(latent) - fields).square().sum()
    energy = (fields - REST[:, None, None]).square().sum()
    loss = decode.loss(latent, decode.target(fields))
    assert loss.item() == pytest.approx((error / energy).item(), rel=1e-4)


def test_loss_is_zero_for_what_the_decoder_gives():
    decode, latent = decoder(), torch.randn(2, 5, 4)
    assert decode.loss(latent, decode.target(decode.on_grid(latent))).item() < 1e-10


def test_decoder_gives_the_same_on_the_grid_and_at_its_points():
    decode, latent = decoder(), torch.randn(2, 5, 4)
    on_grid = decode.on_grid(latent)
    assert on_grid.shape == (2, 5, 3, 20, 24)
    at_points = decode.at(latent, grid_points())
    torch.testing.assert_close(at_points, on_grid.flatten(-2).mT, atol=1e-4, rtol=0)


def test_gradients_reach_every_weight_of_the_decoder():
    decode = decoder()
    decode.loss(torch.randn(6, 4), coefficients(6).float()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decode.parameters())
