import math

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from ldensf_core.benchmarks import Axis, get_benchmark
from ldensf_core.domains.bases import SphereBasis

DEGREE, COUNT = 10, 276
N_LON, N_LAT = 48, 24
X = Axis("x", "x", "°E", (np.arange(N_LON) + 0.5) / N_LON * 360, 0.0, 360.0, periodic=True)
Y = Axis("y", "y", "°N", (np.arange(N_LAT) + 0.5) / N_LAT * 180 - 90, -90.0, 90.0)
STD = np.array([300.0, 20.0, 8.0])
REST = np.array([0.1, 0.3, -0.2])


def make(count=COUNT):
    return SphereBasis(X, Y, torch.as_tensor(STD), torch.as_tensor(REST), count)


@pytest.fixture(scope="module")
def basis():
    return make()


def random_positions(n=60, seed=1):
    rng = np.random.default_rng(seed)
    latitude = np.degrees(np.arcsin(2 * rng.random(n) - 1))
    return np.stack([360 * rng.random(n), latitude], axis=-1)


def harmonic(degree, order, longitude, latitude):
    """Complex Y_lm at angles in radians."""
    return sph_harm_y(degree, order, np.pi / 2 - latitude, longitude)


def rotational(degree, order, longitude, latitude, phase=1.0):
    """Wind (u, v) of the stream function Re phase Y_lm, by differences in latitude."""
    step = 1e-5
    psi = [phase * harmonic(degree, order, longitude, latitude + s * step) for s in (-1, 0, 1)]
    north, east = (psi[2] - psi[0]) / (2 * step), 1j * order * psi[1] / np.cos(latitude)
    return np.stack([-north.real, east.real])


def divergent(*args):
    """Wind of the velocity potential Re phase Y_lm: the same turned by a quarter."""
    u, v = rotational(*args)
    return np.stack([v, -u])


def normalised(height, wind):
    """h and (u, v) in physical units → (3, ...)."""
    physical = torch.as_tensor(np.stack(np.broadcast_arrays(height, *wind), axis=-1))
    return (physical / torch.as_tensor(STD) + torch.as_tensor(REST)).float().movedim(-1, 0)


def on_grid(field):
    """A ``field`` of longitude and latitude in radians, normalised, on the grid."""
    return normalised(*field(*np.radians(np.meshgrid(X.points, Y.points))))


def left_out(basis, field):
    """Share of the energy of a field that the basis leaves out."""
    weight = torch.as_tensor(np.cos(np.radians(Y.points)))[:, None]
    fields = on_grid(field)
    outside = fields - basis.synthesise(basis.analyse(fields))
    departures = fields - basis.rest[:, None, None]
    return float((weight * outside.square()).sum() / (weight * departures.square()).sum())


def is_exact(basis, field):
    """Whether coefficients found on the grid give the field there and everywhere else."""
    fields, where = on_grid(field), random_positions()
    c = basis.analyse(fields)
    expected = normalised(*field(*np.radians(where).T))
    size = float((fields - basis.rest[:, None, None]).abs().max())
    found = basis.at(c, torch.as_tensor(where)).mT
    return left_out(basis, field) < 1e-10 and float((found - expected).abs().max()) < 3e-5 * size


# -- what is described --------------------------------------------------------------------


@pytest.mark.parametrize(
    "degree, order", [(0, 0), (1, 0), (1, 1), (4, 2), (9, 5), (10, 0), (10, 1), (10, 10)]
)
def test_heights_are_spherical_harmonics(basis, degree, order):
    def height(longitude, latitude):
        return 500 * ((0.6 - 0.8j) * harmonic(degree, order, longitude, latitude)).real, (0.0, 0.0)

    assert is_exact(basis, height)
    c = basis.analyse(on_grid(height))
    assert (c[basis.groups[1].coefficients].abs() < 1e-5).all()


@pytest.mark.parametrize(
    "degree, order", [(1, 0), (1, 1), (2, 1), (5, 3), (10, 0), (10, 1), (10, 10)]
)
def test_winds_of_stream_functions_are_described_to_the_same_degree(basis, degree, order):
    def wind(*angles):
        return 0.0, 30 * rotational(degree, order, *angles, 0.6 - 0.8j)

    assert is_exact(basis, wind)
    c = basis.analyse(on_grid(wind))
    assert (c[basis.groups[0].coefficients].abs() < 1e-5).all()


@pytest.mark.parametrize("degree, order", [(1, 0), (1, 1), (3, 2), (5, 0), (5, 1), (5, 5)])
def test_winds_of_velocity_potentials_are_described_to_half_of_it(basis, degree, order):
    assert is_exact(
        basis, lambda *angles: (0.0, 30 * divergent(degree, order, *angles, 0.6 - 0.8j))
    )


@pytest.mark.parametrize("order", [0, 1, 6, 11])
def test_higher_degrees_are_left_out(basis, order):
    """All but what the quadrature of a coarse grid lets pass."""

    def height(*angles):
        return 500 * harmonic(DEGREE + 1, order, *angles).real, (0.0, 0.0)

    def wind(*angles):
        return 0.0, 30 * rotational(DEGREE + 1, order, *angles)

    assert left_out(basis, height) > 0.98
    # Standard deviations that differ make of a wind two that overlap with others.
    assert left_out(basis, wind) > 0.5


@pytest.mark.parametrize("tilt", [0.0, 0.3, math.pi / 2])
def test_solid_body_rotation_is_exact_at_degree_one(tilt):
    """About any axis (Williamson et al. 1992, Journal of Computational Physics 102)."""
    basis = make(7)
    assert basis.degree == 1 and basis.count == 7

    def rotation(longitude, latitude):
        u = np.cos(latitude) * math.cos(tilt)
        u = u + np.sin(latitude) * np.cos(longitude) * math.sin(tilt)
        return 0.0, (40 * u, -40 * np.sin(longitude) * math.sin(tilt))

    assert is_exact(basis, rotation)


@pytest.mark.parametrize("order", [0, 1])
def test_smooth_functions_come_first(basis, order):
    """The smoothest wind of an order is one function more, not one of each degree."""
    c = basis.analyse(
        on_grid(lambda *angles: (0.0, 30 * rotational(1, order, *angles, 0.6 - 0.8j)))
    )
    assert (c.abs() > 1e-5 * c.norm()).sum() == 1 + order


# -- form ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [7, 19, 20, 96, 275, 276, 300, 321, 322])
def test_degree_is_the_largest_whose_coefficients_fit(count):
    basis = make(count)

    def size(t):
        """Heights to degree t, stream function the same but for its mean, potential to half."""
        return sum(2 * l + 1 for l in range(t + 1)), (  # noqa: E741
            sum(2 * l + 1 for l in range(1, t + 1))  # noqa: E741
            + sum(2 * l + 1 for l in range(1, t // 2 + 1))  # noqa: E741
        )

    heights, winds = size(basis.degree)
    assert basis.count == heights + winds <= count < sum(size(basis.degree + 1))
    first, second = basis.groups
    assert (first.variables, second.variables) == ((0,), (1, 2))
    assert len(range(basis.count)[first.coefficients]) == heights
    assert len(range(basis.count)[second.coefficients]) == winds


def test_nothing_happens_at_the_poles(basis):
    """Winds are as large as elsewhere, and from 89.9° on as they are there."""
    longitude = torch.arange(0.0, 360.0, 15.0, dtype=torch.float64)

    def around(latitude):
        positions = torch.stack([longitude, torch.full_like(longitude, latitude)], dim=-1)
        return basis.evaluate(positions)

    largest = basis.evaluate(torch.as_tensor(random_positions(2000))).abs().amax()
    for side in (-1, 1):
        pole = around(90.0 * side)
        assert pole.isfinite().all() and pole.abs().max() < 2 * largest
        torch.testing.assert_close(pole, around(89.95 * side))
        torch.testing.assert_close(pole, around(89.9 * side))
        assert (pole - around(89.5 * side)).abs().max() < 0.1 * largest
        # Of a wind across the pole, u and v are waves of order one there, a quarter apart.
        waves = np.abs(
            np.fft.fft((pole[1:] * torch.as_tensor(STD[1:])[:, None, None]).numpy(), axis=1)
        )
        assert waves[:, [0, *range(2, 13)]].max() < 0.05 * waves.max()


def test_there_is_no_seam(basis):
    where = torch.as_tensor(random_positions(20))
    moved = where + torch.tensor([360.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(basis.evaluate(moved), basis.evaluate(where), atol=1e-9, rtol=0)


def test_basis_of_the_atmosphere():
    """Heights depart from their mean, winds from rest."""
    atmosphere = get_benchmark("atmosphere")
    basis = atmosphere.basis(1120)
    assert basis.count == 1087 and basis.degree == 21
    still = atmosphere.denormalise(basis.rest[:, None, None])[:, 0, 0]
    assert still[0] == pytest.approx(atmosphere.variables[0].mean)
    c = torch.randn(2, basis.count)
    fields = basis.synthesise(c)
    assert fields.shape == (2, 3, 256, 512)
    torch.testing.assert_close(basis.analyse(fields), c, atol=1e-5, rtol=0)
