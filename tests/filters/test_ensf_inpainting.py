import numpy as np
import pytest
import torch

from ldensf_core.analyses.score import published_map
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.filters.ensf_inpainting import InpaintingEnSF, interpolation
from ldensf_core.observations import Observation, SensorNetwork

MEMBERS = 4000


@pytest.fixture(scope="module")
def basin():
    return Tsunami(30)


def on_grid(benchmark, *cells):
    """Positions of the grid points with these (column, row)."""
    return np.array([(benchmark.x.points[i], benchmark.y.points[j]) for i, j in cells])


def observe(benchmark, positions, sigma=0.2, gaps=()):
    """An observation whose normalised values are sin(k), with ``gaps`` (sensor, variable)."""
    n, v = len(positions), len(benchmark.variables)
    values = torch.arange(float(n * v)).sin().view(n, v)
    values = values * benchmark.std(values) + benchmark.mean(values)
    for gap in gaps:
        values[gap] = torch.nan
    std = sigma * benchmark.std(values)
    return Observation(0, SensorNetwork.at(benchmark, positions), values, std)


def filter_of(benchmark, members=1, **options):
    found = InpaintingEnSF(benchmark, **options)
    found.reset(members, seed=3)
    return found


# -- what is painted ------------------------------------------------------------------------


def test_on_a_line_it_is_the_piecewise_linear_interpolation(basin):
    columns, values = [2, 9, 13, 26], torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    matrix = interpolation(basin, on_grid(basin, *((i, 11) for i in columns)))
    painted = (values @ matrix).view(30, 30)[11]
    expected = np.interp(np.arange(2, 27), columns, values)
    np.testing.assert_allclose(painted[2:27], expected, atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_sensors_keep_their_values_and_a_constant_is_kept_everywhere(basin, n):
    cells = [(i // 10 * 3, i % 10 * 3) for i in range(n)]
    matrix = interpolation(basin, on_grid(basin, *cells))
    assert torch.allclose(matrix.sum(dim=0), torch.ones(900, dtype=torch.float64), atol=1e-6)
    at = torch.tensor([j * 30 + i for i, j in cells])
    np.testing.assert_allclose(matrix[:, at], np.eye(n), atol=1e-3)


def test_two_sensors_at_one_place_are_one_of_their_mean(basin):
    once = interpolation(basin, on_grid(basin, (5, 5), (20, 9)))
    twice = interpolation(basin, on_grid(basin, (5, 5), (20, 9), (20, 9)))
    np.testing.assert_allclose(twice[1:].sum(dim=0), once[1], atol=1e-4)
    np.testing.assert_allclose(twice[1], twice[2], atol=1e-6)


def test_a_periodic_domain_has_no_seam():
    flow = Kolmogorov(30)
    cells = [(0, 3), (14, 8), (22, 29)]
    matrix = interpolation(flow, on_grid(flow, *cells)).view(3, 30, 30)
    moved = [((i + 9) % 30, (j + 4) % 30) for i, j in cells]
    again = interpolation(flow, on_grid(flow, *moved)).view(3, 30, 30)
    np.testing.assert_allclose(again, matrix.roll((4, 9), dims=(1, 2)), atol=1e-6)


def test_the_globe_has_neither_seam_nor_poles():
    globe = Atmosphere()
    matrix = interpolation(globe, np.array([(359.0, 20.0), (100.0, -50.0)]))
    first = matrix[0].view(256, 512)
    row = int(np.abs(globe.y.points - 20).argmin())
    assert first[row, 0] == pytest.approx(float(first[row, -3]), abs=0.01)  # 1.4° on either side
    assert float(first[-1].max() - first[-1].min()) < 0.01  # around the pole


# -- the analysis ---------------------------------------------------------------------------


def test_at_the_sensors_it_is_the_published_map(basin):
    positions = on_grid(basin, (4, 7), (20, 20))
    observation = observe(basin, positions)
    ensf = filter_of(basin)
    prior = torch.randn(3, 30, 30, generator=torch.Generator().manual_seed(1))
    after = ensf.analysed(prior.expand(MEMBERS, -1, -1, -1), observation)
    rule = published_map(torch.tensor([0.2]), ensf.steps, ensf.epsilon)
    y = (observation.values - basin.mean(prior)) / basin.std(prior)
    for k, (i, j) in enumerate([(4, 7), (20, 20)]):
        expected = rule.b * prior[:, j, i] + rule.c * y[k]
        error = after[:, :, j, i].mean(dim=0) - expected
        assert (error.abs() < 5 * rule.s / MEMBERS**0.5 + 1e-3).all()
        assert torch.allclose(after[:, :, j, i].std(dim=0), rule.s.expand(3).float(), rtol=0.06)


def test_one_sensor_moves_everything_alike(basin):
    prior = torch.randn(5, 3, 30, 30, generator=torch.Generator().manual_seed(1))
    after = filter_of(basin).analysed(prior, observe(basin, on_grid(basin, (4, 7))))
    moved = (after - prior).flatten(2)
    assert torch.allclose(moved, moved[..., :1].expand_as(moved), atol=1e-4)
    assert (moved[..., 0].std(dim=0) > 0.01).all()


def test_a_missing_value_does_not_count(basin):
    prior = torch.randn(2, 3, 30, 30, generator=torch.Generator().manual_seed(1))
    positions = on_grid(basin, (4, 7), (20, 20), (9, 25))
    gaps = observe(basin, positions, gaps=[(0, 1), (1, 1), (2, 1), (2, 2)])
    after = filter_of(basin).analysed(prior, gaps)
    assert torch.equal(after[:, 1], prior[:, 1])
    assert not torch.equal(after[:, 0], prior[:, 0]) and not torch.equal(after[:, 2], prior[:, 2])


def test_all_missing_changes_nothing(basin):
    ensf = filter_of(basin, members=2)
    before = ensf.state.clone()
    ensf.analyse(observe(basin, on_grid(basin, (4, 7)), gaps=[(0, 0), (0, 1), (0, 2)]))
    assert torch.equal(ensf.state, before)


def test_same_seed_same_analysis(basin):
    observation = observe(basin, on_grid(basin, (4, 7), (20, 20)))
    states = []
    for _ in range(2):
        ensf = filter_of(basin, members=3)
        ensf.analyse(observation)
        states.append(ensf.state)
    assert torch.equal(*states)
