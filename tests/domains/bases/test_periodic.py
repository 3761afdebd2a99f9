import numpy as np
import pytest
import torch

from ldensf_core.domains import Axis
from ldensf_core.domains.bases import PeriodicBasis

WIDTH, HEIGHT = 6.0, 4.0


def make(nx, ny, count, variables=2):
    x, y = (
        Axis(name, name, "1", low + (np.arange(n) + 0.5) / n * length, low, low + length, True)
        for name, n, low, length in (("x", nx, -1.0, WIDTH), ("y", ny, 2.0, HEIGHT))
    )
    return PeriodicBasis(x, y, torch.linspace(0.1, 0.4, variables), count).double()


def test_every_function_is_a_plane_wave_and_the_longest_are_kept():
    basis = make(24, 16, 2 * 21)
    positions = np.array([-1.0, 2.0]) + np.random.default_rng(0).random((60, 2)) * [WIDTH, HEIGHT]
    found = basis.evaluate(torch.as_tensor(positions)).numpy()
    x, y = 2 * np.pi * (positions - [-1.0, 2.0]).T
    waves = sorted(
        ((k / WIDTH) ** 2 + (m / HEIGHT) ** 2, k, m)
        for k in range(8)
        for m in range(-8, 9)
        if k > 0 or m > 0
    )
    cutoff = waves[9][0]
    for variable, group in enumerate(basis.groups):
        own = found[variable][:, group.coefficients]
        np.testing.assert_array_equal(own[:, 0], 1.0)
        lengths = []
        for cosine, sine in zip(own[:, 1::2].T, own[:, 2::2].T, strict=True):
            length = next(
                squared
                for squared, k, m in waves
                if np.allclose(cosine, np.sqrt(2) * np.cos(k * x / WIDTH + m * y / HEIGHT))
                and np.allclose(sine, np.sqrt(2) * np.sin(k * x / WIDTH + m * y / HEIGHT))
            )
            lengths.append(length)
        assert len(lengths) == 10 and max(lengths) == pytest.approx(cutoff)


@pytest.mark.parametrize("nx, ny", [(6, 4), (5, 7), (8, 1)])
def test_no_more_functions_than_the_grid_resolves(nx, ny):
    """And they are orthonormal on it."""
    basis = make(nx, ny, 10_000)
    assert basis.count == 2 * (nx - (nx % 2 == 0)) * (ny - (ny % 2 == 0))
    fields = basis.synthesise(torch.eye(basis.count, dtype=torch.float64))
    functions = (fields - basis.rest[:, None, None]).flatten(1) / (nx * ny) ** 0.5
    expected = torch.eye(basis.count, dtype=torch.float64)
    torch.testing.assert_close(functions @ functions.mT, expected, atol=1e-6, rtol=0)


def test_too_few_coefficients_are_refused():
    with pytest.raises(ValueError, match="count = 2: at least one for each of 3 variables"):
        make(6, 4, 2, variables=3)
