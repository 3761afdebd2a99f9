"""What holds for every basis."""

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import get_benchmark, list_benchmarks


def departures(basis, coefficients):
    """Synthesised fields less those at rest, float64."""
    return (basis.synthesise(coefficients) - basis.rest[:, None, None]).double()


def weighted_functions(basis, area):
    """Every basis function on the grid times the root of the area, (K, V·ny·nx)."""
    functions = departures(basis, torch.eye(basis.count))
    return (area.sqrt() * functions).flatten(1) / area.numel() ** 0.5


def test_functions_are_orthonormal_under_the_mean_over_the_area(basis, area):
    functions = weighted_functions(basis, area)
    expected = torch.eye(basis.count, dtype=torch.float64)
    torch.testing.assert_close(functions @ functions.mT, expected, atol=3e-6, rtol=0)


def test_mean_square_of_a_field_is_the_sum_of_squared_coefficients(basis, area, shape):
    c = torch.randn(5, basis.count)
    found = departures(basis, c)
    assert found.shape == (5, *shape)
    energy = (area * found.square()).mean((-1, -2)).sum(-1)
    torch.testing.assert_close(energy, c.double().square().sum(-1), rtol=1e-5, atol=0)


def test_analysis_undoes_synthesis(basis):
    c = torch.randn(2, 3, basis.count)
    found = basis.analyse(basis.synthesise(c))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, c, atol=5e-6, rtol=0)


def test_fields_at_rest_have_no_coefficients(basis, shape):
    fields = basis.rest[:, None, None].expand(shape)
    assert basis.analyse(fields).abs().max() < 1e-6
    assert torch.equal(basis.synthesise(torch.zeros(basis.count)), fields)


def test_analysis_is_the_least_squares_fit(basis, area, shape):
    """Of white noise, most of which lies outside; with what is left orthogonal to the rest."""
    fields = torch.randn(shape)
    c = basis.analyse(fields)
    functions = weighted_functions(basis, area)
    target = (area.sqrt() * (fields - basis.rest[:, None, None])).double().flatten()
    target /= area.numel() ** 0.5
    fit = np.linalg.lstsq(functions.mT.numpy(), target.numpy())[0]
    np.testing.assert_allclose(c, fit, atol=5e-6)
    left = target - c.double() @ functions
    assert (functions @ left).abs().max() < 5e-6
    assert left.square().sum() > 0.5 * target.square().sum()


def test_at_grid_points_is_what_is_synthesised(basis, positions, shape):
    c, n = torch.randn(4, basis.count), shape[1] * shape[2]
    at_points = basis.at(c, positions[:n])
    assert at_points.shape == (4, n, shape[0]) and at_points.dtype == torch.float32
    torch.testing.assert_close(at_points, basis.synthesise(c).flatten(-2).mT, atol=5e-5, rtol=0)


def test_at_is_the_sum_of_what_is_evaluated(basis, positions, shape):
    where = positions[::7]
    functions = basis.evaluate(where)
    assert functions.shape == (shape[0], len(where), basis.count)
    assert functions.dtype == torch.float64
    c = torch.randn(basis.count, dtype=torch.float64)
    expected = (functions @ c).mT + basis.rest
    torch.testing.assert_close(basis.at(c, where), expected, atol=1e-9, rtol=0)


def test_evaluation_takes_positions_in_single_precision(basis, positions):
    where = positions[::7]
    functions = basis.evaluate(where.float())
    assert functions.dtype == torch.float64
    torch.testing.assert_close(functions, basis.evaluate(where), atol=1e-3, rtol=0)


def test_groups_part_the_coefficients_and_the_variables(basis, positions, shape):
    """And a function speaks of the variables of its group alone."""
    order = torch.arange(basis.count)
    owned = torch.cat([order[group.coefficients] for group in basis.groups])
    assert torch.equal(owned, order)
    variables = [v for group in basis.groups for v in group.variables]
    assert sorted(variables) == list(range(shape[0]))
    functions = basis.evaluate(positions[::7])
    for group in basis.groups:
        others = [v for v in range(shape[0]) if v not in group.variables]
        assert (functions[others, :, group.coefficients] == 0).all()
        own = functions[list(group.variables), :, group.coefficients]
        assert (own.square().sum((0, 1)) > 0).all()


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_smaller_basis_describes_nothing_that_a_larger_one_does_not(make, basis, share):
    small = make(int(share * basis.count))
    assert 0.5 * share * basis.count < small.count < 1.05 * share * basis.count
    fields = small.synthesise(torch.randn(3, small.count))
    torch.testing.assert_close(basis.synthesise(basis.analyse(fields)), fields, atol=1e-4, rtol=0)


def test_what_is_left_out_is_rougher_than_what_is_kept(make, basis):
    """By the mean squared difference of neighbours, over that of the field itself."""
    small = make(basis.count // 3)
    fields = basis.synthesise(torch.randn(100, basis.count))
    inside = small.synthesise(small.analyse(fields))
    roughness = []
    for part in (inside - basis.rest[:, None, None], fields - inside):
        change = sum(part.diff(dim=d).square().mean() for d in (-1, -2))
        roughness.append(change / part.square().mean())
    assert roughness[1] > 2 * roughness[0]


def test_double_precision_stays(make, shape):
    basis = make().double()
    fields = torch.randn(shape, dtype=torch.float64)
    c = basis.analyse(fields)
    assert c.dtype == basis.synthesise(c).dtype == torch.float64


def test_basis_has_nothing_to_train_and_nothing_to_store(basis, positions):
    assert not list(basis.parameters())
    assert not basis.state_dict()
    assert not basis.evaluate(positions[:5]).requires_grad


# -- of benchmarks ------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_benchmarks())
def test_basis_of_a_benchmark_fits_its_fields(name):
    benchmark = get_benchmark(name)
    basis = benchmark.basis(96)
    assert 0.75 * 96 <= basis.count <= 96
    fields = basis.synthesise(torch.randn(basis.count))
    assert fields.shape == (len(benchmark.variables), *benchmark.grid_shape)
    departures = fields - basis.rest[:, None, None]
    energy = (benchmark.domain.areas(fields) * departures.square()).mean((1, 2))
    expected = basis.analyse(fields).square().sum()
    torch.testing.assert_close(energy.sum(), expected, rtol=1e-4, atol=0)
    # Velocities at rest are zero.
    still = benchmark.denormalise(basis.rest[:, None, None])[:, 0, 0]
    for variable, value in zip(benchmark.variables, still, strict=True):
        if variable.name in ("u", "v"):
            assert abs(value) < 1e-6 * variable.std
