import math

import numpy as np
import pytest
import torch
from torch_harmonics import InverseRealSHT, RealSHT
from torch_harmonics.examples.shallow_water_equations import ShallowWaterSolver

from ldensf_core.domains.harmonics import Sphere, even_latitudes, gaussian_latitudes

T, RADIUS = 21, 6.0e6
GRIDS = {  # latitudes, longitudes, the first of them
    "Gaussian": (gaussian_latitudes(T), 64, 0.0),
    "Gaussian, turned": (gaussian_latitudes(T), 45, 0.3),
    "even, as few as will do": (even_latitudes(2 * T + 1), 2 * T + 2, math.pi / 44),
    "even": (even_latitudes(64), 128, math.pi / 128),
}


@pytest.fixture(params=GRIDS)
def sphere(request):
    latitudes, n_lon, first = GRIDS[request.param]
    return Sphere(T, RADIUS, latitudes, n_lon, first)


def random_coefficients(*batch, truncation=T, seed=0):
    """White up to the truncation; of a real field, so that order zero is real."""
    n = truncation + 1
    generator = torch.Generator().manual_seed(seed)
    c = torch.randn(*batch, n, n, dtype=torch.complex128, generator=generator).tril()
    c[..., 0] = c[..., 0].real.to(c.dtype)
    return c


def angles(sphere):
    """Sine and cosine of latitude, and longitude, as they broadcast to the grid."""
    return sphere.sin_latitude, sphere.cos_latitude, sphere.longitude


def close(a, b, tolerance=1e-12):
    return (a - b).abs().max() <= tolerance * b.abs().max()


# -- grids and quadrature -----------------------------------------------------------------


@pytest.mark.parametrize(
    "latitudes, exact",
    [(gaussian_latitudes(T), 63), (even_latitudes(43), 42), (even_latitudes(64), 63)],
)
def test_quadrature_is_exact(latitudes, exact):
    """Products of Legendre polynomials whose degrees add up to ``exact``; NumPy's polynomials."""
    mu, weights = (t.numpy() for t in latitudes)
    assert weights.sum() == pytest.approx(2.0, abs=1e-13)
    assert (weights > 0).all()
    table = np.polynomial.legendre.legvander(mu, exact)
    products = np.einsum("ki,kj,k->ij", table, table, weights)
    degree = np.arange(exact + 1)
    known = np.diag(2 / (2 * degree + 1))
    error = np.abs(products - known)[degree[:, None] + degree <= exact].max()
    assert error < 1e-13


@pytest.mark.parametrize("latitudes", [gaussian_latitudes(T), even_latitudes(43)])
def test_latitudes_run_from_south_to_north(latitudes):
    mu = latitudes[0].numpy()
    assert (np.diff(mu) > 0).all() and np.allclose(mu, -mu[::-1], rtol=0, atol=1e-14)


def test_even_latitudes_are_even():
    degrees = np.degrees(np.arcsin(even_latitudes(256)[0].numpy()))
    assert np.allclose(degrees, (np.arange(256) + 0.5) / 256 * 180 - 90, rtol=0, atol=1e-11)


@pytest.mark.parametrize("truncation", [10, 21, 31, 42, 63])
def test_gaussian_latitudes_are_the_fewest_without_aliasing(truncation):
    """Integrands of degree 3 T: n Gaussian latitudes are exact up to 2 n − 1."""
    n = len(gaussian_latitudes(truncation)[0])
    assert n % 2 == 0
    assert 2 * n - 1 >= 3 * truncation > 2 * (n - 2) - 1


# -- transforms ---------------------------------------------------------------------------


def test_transforms_agree_with_torch_harmonics():
    """Its grid begins in the north. The field is noise: what is cut off must agree, too."""
    latitudes, n_lon, _ = GRIDS["Gaussian"]
    sphere, n_lat = Sphere(T, RADIUS, latitudes, n_lon), len(latitudes[0])
    like = {"lmax": T + 1, "mmax": T + 1, "grid": "legendre-gauss", "csphase": False}
    there = RealSHT(n_lat, n_lon, **like).double()
    back = InverseRealSHT(n_lat, n_lon, **like).double()
    noise = torch.randn(3, n_lat, n_lon, dtype=torch.float64)
    assert close(sphere.to_spectral(noise), there(noise.flip(-2)))
    c = random_coefficients(3)
    assert close(sphere.to_grid(c), back(c).flip(-2))


def test_harmonics_are_those_of_the_textbook(sphere):
    """Closed forms of four: normalised to one, without the sign (−1)^m."""
    mu, cosine, longitude = angles(sphere)
    known = {
        (0, 0): math.sqrt(1 / (4 * math.pi)) * torch.ones_like(mu),
        (1, 1): math.sqrt(3 / (8 * math.pi)) * cosine,
        (2, 1): math.sqrt(15 / (8 * math.pi)) * mu * cosine,
        (3, 2): math.sqrt(105 / (32 * math.pi)) * mu * cosine**2,
    }
    for (degree, order), profile in known.items():
        c = torch.zeros(T + 1, T + 1, dtype=torch.complex128)
        c[degree, order] = 1.0 + (0.5j if order else 0.0)
        wave = c[degree, order] * torch.exp(1j * order * longitude)
        field = profile * wave.real * (2 if order else 1)  # with its conjugate, of order −m
        assert close(sphere.to_grid(c), field)
        assert (sphere.to_spectral(field) - c).abs().max() < 1e-13


def test_there_and_back(sphere):
    c = random_coefficients(2, 3)
    grid = sphere.to_grid(c)
    assert grid.shape == (2, 3, len(sphere.sin_latitude), sphere.n_lon)
    assert close(sphere.to_spectral(grid), c)


def test_coefficients_beyond_the_triangle_are_zero():
    latitudes, n_lon, first = GRIDS["even"]
    sphere = Sphere(T, RADIUS, latitudes, n_lon, first)
    noise = torch.randn(3, 64, n_lon, dtype=torch.float64)
    for c in (sphere.to_spectral(noise), *sphere.curl_and_divergence(noise, noise.flip(0))):
        assert c.abs().max() > 0
        assert (c.triu(1) == 0).all()


def test_waves_are_the_transform_of_the_sampled_function_without_its_mean(sphere):
    generator = torch.Generator().manual_seed(1)
    n_lat = len(sphere.sin_latitude)
    profiles = torch.randn(2, n_lat, 3, dtype=torch.complex128, generator=generator)
    profiles[..., 0] = profiles[..., 0].real.to(profiles.dtype)
    waves = torch.exp(1j * torch.arange(3)[:, None] * sphere.longitude)
    grid = torch.einsum("bkm,mx->bkx", profiles, waves).real
    expected = sphere.to_spectral(grid)
    assert expected[:, 0, 0].abs().min() > 0.01  # a mean that is to be left out
    expected[:, 0, 0] = 0.0
    assert close(sphere.waves(profiles), expected)


# -- operators ----------------------------------------------------------------------------


def test_laplacian_of_a_harmonic(sphere):
    """∇² f = −12 f / a² for f = sin φ cos² φ cos 2λ, of degree three."""
    mu, cosine, longitude = angles(sphere)
    field = mu * cosine**2 * torch.cos(2 * longitude)
    c = sphere.to_spectral(field)
    assert close(sphere.to_grid(sphere.laplacian * c), -12 / RADIUS**2 * field)
    assert close(sphere.to_grid(sphere.inverse_laplacian * c), -(RADIUS**2) / 12 * field)
    assert sphere.laplacian[0] == sphere.inverse_laplacian[0] == 0


def wind_on_grid(sphere, vorticity, divergence):
    return [
        w / sphere.cos_latitude
        for w in sphere.to_grid(
            torch.stack(sphere.wind(sphere.to_spectral(vorticity), sphere.to_spectral(divergence)))
        )
    ]


@pytest.mark.parametrize("tilt", [0.0, 0.7, math.pi / 2])
def test_solid_body_rotation(sphere, tilt):
    """About an axis through the pole, ζ = 2ω sin φ and u = ω a cos φ; also about others."""
    omega = 3e-6
    mu, cosine, longitude = angles(sphere)
    along, across = math.cos(tilt), math.sin(tilt)
    from_axis = mu * along - cosine * torch.cos(longitude) * across  # sine of the turned latitude
    u = omega * RADIUS * (cosine * along + mu * torch.cos(longitude) * across)
    v = -omega * RADIUS * torch.sin(longitude) * across + 0 * mu
    still = torch.zeros_like(u)
    east, north = wind_on_grid(sphere, 2 * omega * from_axis, still)
    assert (east - u).abs().max() < 1e-12 * omega * RADIUS
    assert (north - v).abs().max() < 1e-12 * omega * RADIUS
    curl, divergence = (sphere.to_grid(c) for c in sphere.curl_and_divergence(u + still, v))
    assert close(curl, 2 * omega * from_axis)
    assert divergence.abs().max() < 1e-12 * omega


def test_gradient_flow(sphere):
    """v = ∇χ of χ = a² s sin φ cos φ cos λ, of degree two: ∇² χ = −6 s sin φ cos φ cos λ."""
    s = 1e-5
    mu, cosine, longitude = angles(sphere)
    u = -s * RADIUS * mu * torch.sin(longitude)
    v = s * RADIUS * (cosine**2 - mu**2) * torch.cos(longitude)
    divergence = -6 * s * mu * cosine * torch.cos(longitude)
    east, north = wind_on_grid(sphere, torch.zeros_like(u), divergence)
    assert close(east, u) and close(north, v)
    curl, back = (sphere.to_grid(c) for c in sphere.curl_and_divergence(u, v))
    assert close(back, divergence)
    assert curl.abs().max() < 1e-12 * s


def test_curl_and_divergence_undo_wind(sphere):
    flow = random_coefficients(2, 3)
    flow[..., 0, 0] = 0.0  # neither ζ nor δ can have a mean
    wind = sphere.to_grid(torch.stack(sphere.wind(*flow))) / sphere.cos_latitude
    for back, c in zip(sphere.curl_and_divergence(*wind), flow, strict=True):
        assert close(back, c)


def test_wind_agrees_with_the_vector_transforms_of_torch_harmonics():
    latitudes, n_lon, _ = GRIDS["Gaussian"]
    sphere, n_lat = Sphere(T, RADIUS, latitudes, n_lon), len(latitudes[0])
    other = ShallowWaterSolver(
        n_lat, n_lon, 1.0, lmax=T + 1, mmax=T + 1, grid="legendre-gauss", radius=RADIUS
    ).double()
    l = torch.arange(1, T + 1)[:, None]  # noqa: E741
    factor = 1.0 / l / (l + 1)  # single precision, as it went into the weights there
    other.vsht.weights[:, :, 1:] /= factor.double() * (l * (l + 1))
    flow = random_coefficients(2)
    flow[:, 0, 0] = 0.0
    wind = sphere.to_grid(torch.stack(sphere.wind(*flow))) / sphere.cos_latitude
    assert close(wind, other.getuv(flow).flip(-2))
    # A field that is no wind of the truncation, as the fluxes are.
    flux = wind * sphere.to_grid(flow[0])
    assert close(
        torch.stack(sphere.curl_and_divergence(*flux)), other.vrtdivspec(flux.flip(-2)), 1e-11
    )


def test_products_are_free_of_aliasing():
    """Curl and divergence of ζ v on the fewest latitudes are those on twice as many."""
    latitudes = gaussian_latitudes(T), gaussian_latitudes(2 * T)
    flow = random_coefficients(2)
    flow[:, 0, 0] = 0.0
    results = []
    for rows in latitudes:
        sphere = Sphere(T, RADIUS, rows, 2 * len(rows[0]))
        wind = sphere.to_grid(torch.stack(sphere.wind(*flow))) / sphere.cos_latitude
        flux = wind * sphere.to_grid(flow[0])
        energy = sphere.to_spectral(wind.square().sum(dim=0))
        results.append((*sphere.curl_and_divergence(*flux), energy))
    for few, many in zip(*results, strict=True):
        assert close(few, many, 1e-11)
