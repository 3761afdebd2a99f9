import math

import numpy as np
import pytest
import torch

from ldensf_core.analyses.localisation import Lattice, gaspari_cohn
from ldensf_core.benchmarks import Kolmogorov, Tsunami, get_benchmark

LIKE = torch.empty(0, dtype=torch.float64)


def taper(*distances, radius=1.0):
    return gaspari_cohn(torch.tensor(distances, dtype=torch.float64), radius)


# -- Gaspari and Cohn's function --------------------------------------------------------------


def test_it_falls_from_one_to_zero_at_twice_the_radius():
    assert taper(0.0, 3.0, 6.0, 6.1, 100.0, radius=3.0).tolist() == pytest.approx(
        [1.0, 5 / 24, 0.0, 0.0, 0.0], abs=1e-15
    )
    values = taper(*np.linspace(0, 2.5, 2001))
    assert (values[:1600].diff() < 0).all() and (values >= 0).all()
    assert (values[1601:] == 0).all()


def test_it_is_smooth_where_its_pieces_meet():
    """Value and two derivatives, by differences on either side."""
    step = 1e-3
    for seam in (1.0, 2.0):
        left, right = (
            taper(*(seam + side * step * np.arange(1, 4))).numpy() for side in (-1.0, 1.0)
        )
        slopes = -np.diff(left) / step, np.diff(right) / step
        assert abs(left[0] - right[0]) < 3 * step
        assert abs(slopes[0][0] - slopes[1][0]) < 6 * step
        bends = [np.diff(slope)[0] / step for slope in (-slopes[0], slopes[1])]
        assert abs(bends[0] - bends[1]) < 0.02


def test_it_is_a_self_convolution():
    """Of the cone (1 − 2 r)₊ in three dimensions, from which it is made."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (400_000, 3))

    def cone(x):
        return np.clip(1 - 2 * np.linalg.norm(x, axis=-1), 0, None)

    weights = cone(points)
    for distance in (0.25, 0.6, 0.9):
        estimate = (weights * cone(points - [distance, 0, 0])).mean() / (weights**2).mean()
        # The cone's radius is 1/2, so that the convolution ends at 1 = 2 radius.
        assert taper(distance, radius=0.5).item() == pytest.approx(estimate, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_positive_definite(seed):
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(seed), dtype=LIKE.dtype)
    matrix = gaspari_cohn(torch.cdist(points, points), 0.3)
    assert torch.linalg.eigvalsh(matrix).min() > -1e-9


def test_without_localisation_all_weights_are_one():
    assert taper(0.0, 1.0, 1e9, radius=math.inf).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("radius", [0.0, -2.0, math.nan])
def test_impossible_radius_is_named(radius):
    with pytest.raises(ValueError, match=f"radius = {radius}: more than 0"):
        taper(1.0, radius=radius)


# -- the lattice ------------------------------------------------------------------------------


def on_grid(lattice, values, rows=7):
    bands = list(lattice.interpolated(values, rows))
    return torch.cat([band for _, band in bands], dim=-2), [where for where, _ in bands]


@pytest.mark.parametrize("spacing", [0.0, 70.0, 200.0, math.inf])
def test_between_walls_linear_functions_come_back(spacing):
    benchmark = Tsunami(30)
    lattice = Lattice(benchmark, spacing, LIKE)
    x, y = lattice.positions.T
    values = torch.stack([x, 3 * y - x, torch.ones_like(x)]).unflatten(1, lattice.shape)
    fields, bands = on_grid(lattice, values)
    gx, gy = np.meshgrid(benchmark.x.points, benchmark.y.points)
    expected = torch.as_tensor(np.stack([gx, 3 * gy - gx, np.ones_like(gx)]))
    torch.testing.assert_close(fields, expected)
    assert [b.start for b in bands] == [0, 7, 14, 21, 28]


@pytest.mark.parametrize("spacing", [0.0, 0.5, 0.7])
def test_interpolation_goes_on_across_the_seam(spacing):
    """Of a wave along each axis, to within h²/8 of its curvature."""
    benchmark = Kolmogorov(32)
    lattice = Lattice(benchmark, spacing, LIKE)
    x, y = lattice.positions.T
    fields, _ = on_grid(lattice, torch.stack([x.sin(), y.cos()]).unflatten(1, lattice.shape))
    gx, gy = np.meshgrid(benchmark.x.points, benchmark.y.points)
    error = (fields - torch.as_tensor(np.stack([np.sin(gx), np.cos(gy)]))).abs().max()
    # Knots are grid points: some are a grid spacing farther apart than others.
    assert error <= max(1e-12, (spacing + 0.2) ** 2 / 8)


@pytest.mark.parametrize(
    ("spacing", "shape"), [(0.0, (256, 512)), (500.0, (41, 81)), (math.inf, (2, 1))]
)
def test_spacing_is_a_length_on_the_sphere(spacing, shape):
    """500 km are 6.4 spacings of the grid, which has 512 of them around and 255 across."""
    lattice = Lattice(get_benchmark("atmosphere"), spacing, LIKE)
    assert lattice.shape == shape
    assert len(lattice.positions) == math.prod(shape)
