import itertools

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis
from ldensf_core.domains.bases import SolenoidalBasis

COUNT = 90
LOW, SIDE = np.array([1.0, -2.0]), 3.0
STD = np.array([1.5, 0.6])
REST = torch.tensor([0.3, -0.2])


def make(nx=27, ny=24, count=COUNT, std=STD, first=0.5):
    """``first``: where in its cell each point of the grid stands."""
    x, y = (
        Axis(name, name, "1", low + (np.arange(n) + first) / n * SIDE, low, low + SIDE, True)
        for name, n, low in zip("xy", (nx, ny), LOW, strict=True)
    )
    return SolenoidalBasis(x, y, torch.as_tensor(std), REST, count).double()


@pytest.fixture(scope="module")
def basis():
    return make()


def coefficients(*batch, count=COUNT):
    return torch.randn(*batch, count, dtype=torch.float64)


def random_positions(n, seed=1):
    return LOW + SIDE * np.random.default_rng(seed).random((n, 2))


def plane_waves(positions, reach):
    """(k², functions (2, n)) of every cosine and sine of the stream function, from its formula.

    u = ∂ψ/∂y and v = −∂ψ/∂x, divided by their standard deviations, with mean square one in all.
    """
    for kx, ky in itertools.product(range(reach), range(-reach, reach + 1)):
        if kx == 0 and ky <= 0:
            continue
        angle = 2 * np.pi / SIDE * ((positions - LOW) @ np.array([kx, ky]))
        for slope in (-np.sin(angle), np.cos(angle)):
            wave = np.stack([ky * slope / STD[0], -kx * slope / STD[1]])
            energy = ((ky / STD[0]) ** 2 + (kx / STD[1]) ** 2) / 2
            yield kx**2 + ky**2, wave / np.sqrt(energy)


def test_at_any_point_is_a_plane_wave(basis):
    """Each kept function, off the grid; those of smallest wavenumber are kept, in order."""
    positions = random_positions(50)
    squared, expected = zip(*plane_waves(positions, 8), strict=True)
    expected = np.stack(expected).reshape(len(squared), -1)
    found = basis.evaluate(torch.as_tensor(positions)).flatten(0, 1).mT.numpy()
    distance = np.abs(found[:, None] - expected).max(-1)
    nearest = distance.argmin(1)
    assert distance.min(1).max() < 1e-9
    assert len(set(nearest)) == COUNT
    # Waves of the same length may come in any order.
    assert np.array(squared)[nearest].tolist() == sorted(squared)[:COUNT]


def test_a_field_is_the_sum_of_its_waves(basis):
    """Coefficients found on the grid, summed off it by formula, for a field put together here."""
    grid = np.stack(np.meshgrid(*(axis.points for axis in basis.axes)), axis=-1).reshape(-1, 2)
    off = random_positions(40)
    weights = np.random.default_rng(3).standard_normal(60)
    on_grid, at_points = (
        sum(w * wave for w, (_, wave) in zip(weights, plane_waves(where, 3), strict=False))
        for where in (grid, off)
    )
    fields = torch.as_tensor(on_grid).unflatten(-1, basis.shape) + REST[:, None, None]
    found = basis.at(basis.analyse(fields), torch.as_tensor(off))
    np.testing.assert_allclose(found, (at_points + REST.numpy()[:, None]).T, atol=1e-5)


@pytest.mark.parametrize("nx, ny", [(24, 24), (27, 24), (24, 25)])
@pytest.mark.parametrize("first", [0.0, 0.5, 0.9])
def test_flow_has_no_divergence(nx, ny, first):
    """By differentiating spectrally; it has vorticity, and nothing but rest for a mean."""
    basis = make(nx, ny, first=first)
    c = coefficients(3)
    fields = basis.synthesise(c)
    torch.testing.assert_close(basis.analyse(fields), c, atol=1e-6, rtol=0)
    u, v = (fields.numpy() * STD[:, None, None]).swapaxes(0, 1)
    kx, ky = np.fft.fftfreq(nx, 1 / nx), np.fft.fftfreq(ny, 1 / ny)[:, None]
    along_x, along_y = np.fft.fft2(u), np.fft.fft2(v)
    divergence = np.fft.ifft2(1j * (kx * along_x + ky * along_y))
    vorticity = np.fft.ifft2(1j * (kx * along_y - ky * along_x))
    assert np.abs(divergence).max() < 1e-5 * np.abs(vorticity).max()
    torch.testing.assert_close(fields.mean((-1, -2)), REST.double().expand(3, 2), atol=1e-6, rtol=0)


def test_there_is_no_seam(basis):
    positions = torch.as_tensor(random_positions(20))
    for shift in ([SIDE, 0.0], [0.0, -SIDE], [2 * SIDE, SIDE]):
        moved = basis.evaluate(positions + torch.tensor(shift, dtype=torch.float64))
        torch.testing.assert_close(moved, basis.evaluate(positions), atol=1e-9, rtol=0)


def test_gradients_and_mean_flow_have_no_coefficients():
    """Of variables in one unit; in two, a gradient is not orthogonal to all rotation."""
    basis = make(std=np.array([0.7, 0.7]))
    x, y = np.meshgrid(*(2 * np.pi * axis.points / SIDE for axis in basis.axes))
    potential = 2 * x - y  # the phase of a plane wave
    gradient = np.stack([2 * np.cos(potential), -np.cos(potential)])
    fields = torch.as_tensor(gradient + np.array([3.0, -4.0])[:, None, None])
    assert basis.analyse(fields).abs().max() < 1e-6


@pytest.mark.parametrize("count", [2, 3, 4, 7, 12, 50, 91, 200])
def test_waves_come_in_pairs_and_describe_both_variables(count):
    basis = make(count=count)
    assert basis.count == count - count % 2
    (group,) = basis.groups
    assert group.variables == (0, 1)
    assert range(basis.count)[group.coefficients] == range(basis.count)
    c = coefficients(count=basis.count)
    torch.testing.assert_close(basis.analyse(basis.synthesise(c)), c, atol=1e-6, rtol=0)
