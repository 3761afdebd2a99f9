"""Baselines against closed forms, on benchmarks whose fields are known functions."""

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import Axis, Benchmark, Box, Parameter, Variable
from ldensf_core.verification.baselines import (
    BASELINES,
    baseline_errors,
    climatology,
    linear_interpolation,
    measured_error,
    nearest_run,
    surrogate_error,
)

CPU = torch.device("cpu")


def axis(name, n):
    return Axis(name, name, "1", (np.arange(n) + 0.5) / n, 0.0, 1.0)


class Uneven(Box):
    def areas(self, like):
        return torch.tensor([0.4, 1.6, 1.6, 0.4])[:, None].expand(4, 6).to(like)


class Sum(Benchmark):
    """A pattern for each parameter, which grows with time; the state is (parameters, time)."""

    name = title = "sum"
    variables = tuple(Variable(v, v, "1", mean=0.5, std=2.0) for v in "abc")
    time_units = "1"
    domain = Uneven(axis("x", 6), axis("y", 4))
    times = np.arange(5.0)

    def __init__(self, n_parameters, power=1):
        self.parameters = tuple(
            Parameter(f"p{i}", f"p{i}", "1", 2.0 + i, 7.0) for i in range(n_parameters)
        )
        self.power = power
        generator = torch.Generator().manual_seed(3)
        self.patterns = torch.randn(n_parameters, 3, 4, 6, generator=generator)

    def spin_up(self, parameters):
        yield torch.cat([parameters, torch.ones(len(parameters), 1)], dim=1)

    def advance(self, state, parameters):
        return state + torch.tensor([0.0] * len(self.parameters) + [1.0])

    def fields(self, state):
        values = (state[:, :-1] * state[:, -1:]) ** self.power
        return torch.einsum("bp,pvyx->bvyx", values, self.patterns)

    corrected = None  # no filter runs on it


class Surrogate:
    """Gives the fields of a ``Sum``, all of them off by ``error`` (V,) times the snapshot."""

    def __init__(self, benchmark, error):
        self.benchmark, self.error = benchmark, torch.tensor(error)

    def rollout(self, parameters, n_times):
        physical = self.benchmark.physical_parameters(parameters)[:, None].expand(-1, n_times, -1)
        times = torch.arange(1.0, n_times + 1).expand(len(parameters), -1)
        return torch.cat([physical, times[..., None]], dim=-1)

    def decode(self, states):
        fields = self.benchmark.normalise(self.benchmark.fields(states))
        return fields + states[:, -1, None, None, None] * self.error[:, None, None]


def parameters(benchmark, split):
    values = torch.as_tensor(benchmark.parameter_array(benchmark.split(split)))
    return benchmark.unit_parameters(values).numpy()


# -- weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", BASELINES.values())
@pytest.mark.parametrize("n_parameters", [1, 2])
def test_weights_are_those_of_a_mean(rule, n_parameters):
    benchmark = Sum(n_parameters)
    weights = rule(parameters(benchmark, "train"), parameters(benchmark, "test"))
    assert weights.shape == (40, 120)
    assert (weights >= -1e-12).all()
    np.testing.assert_allclose(weights.sum(1), 1)


@pytest.mark.parametrize("rule", [nearest_run, linear_interpolation])
@pytest.mark.parametrize("n_parameters", [1, 2])
def test_a_known_run_is_given_back(rule, n_parameters):
    known = parameters(Sum(n_parameters), "train")
    np.testing.assert_allclose(rule(known, known[7:9]), np.eye(120)[7:9], atol=1e-9)


def test_nearest_run_is_nearest():
    known = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.3]])
    asked = np.array([[0.4, 0.0], [0.6, 0.0], [0.1, 0.2]])
    assert nearest_run(known, asked).argmax(1).tolist() == [0, 1, 2]


def test_climatology_is_the_mean():
    assert (climatology(np.zeros((4, 2)), np.zeros((3, 2))) == 0.25).all()


def test_interpolation_between_two_runs_and_beyond_the_last():
    known = np.array([[0.5], [-0.5], [0.1]])  # in no order
    asked = np.array([[0.2], [-0.35], [0.9], [-1.0]])
    expected = [[0.25, 0, 0.75], [0, 0.75, 0.25], [1, 0, 0], [0, 1, 0]]
    np.testing.assert_allclose(linear_interpolation(known, asked), expected, atol=1e-12)


def test_interpolation_in_a_triangle_and_nearest_outside_the_hull():
    known = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    asked = np.array([[0.25, 0.25], [0.0, 0.5], [0.9, 0.4], [-0.1, 0.2]])
    expected = [[0.5, 0.25, 0.25], [0.5, 0, 0.5], [0, 1, 0], [1, 0, 0]]
    np.testing.assert_allclose(linear_interpolation(known, asked), expected, atol=1e-12)


# -- errors ---------------------------------------------------------------------------------


def test_interpolation_is_exact_where_fields_are_linear_in_the_parameter():
    """But for the test runs beyond the outermost training runs."""
    benchmark = Sum(1)
    known, asked = (parameters(benchmark, split) for split in ("train", "test"))
    assert ((known.min() < asked) & (asked < known.max())).all()
    errors = baseline_errors(benchmark, CPU)
    assert list(errors) == ["climatology", "nearest training run", "linear interpolation"]
    assert errors["linear interpolation"] < 1e-5
    assert 1e-3 < errors["nearest training run"] < 0.1 < errors["climatology"]


def test_interpolation_of_two_parameters_is_exact_inside_the_hull():
    benchmark = Sum(2)
    known, asked = (parameters(benchmark, split) for split in ("train", "test"))
    weights = linear_interpolation(known, asked)
    inside = (weights > 0).sum(1) > 1
    assert 20 < inside.sum() < 40
    np.testing.assert_allclose((weights @ known)[inside], asked[inside], atol=1e-9)
    errors = baseline_errors(benchmark, CPU)
    assert errors["linear interpolation"] < errors["nearest training run"] < errors["climatology"]


def test_curvature_is_what_interpolation_misses():
    linear, curved = (
        baseline_errors(Sum(1, power), CPU)["linear interpolation"] for power in (1, 3)
    )
    assert linear < 1e-5 < 1e-4 < curved < 0.01


def test_errors_are_relative_weighted_with_area_and_averaged_over_snapshots_and_runs():
    benchmark = Sum(1)
    known, asked = (
        torch.as_tensor(benchmark.parameter_array(benchmark.split(split))).float()[:4]
        for split in ("train", "test")
    )
    mean = benchmark.normalise(benchmark.trajectories(known)).mean(0)
    truths = benchmark.normalise(benchmark.trajectories(asked))
    area = benchmark.domain.areas(truths)
    square = [(area * x.square()).sum((2, 3, 4)) for x in (mean - truths, truths)]
    expected = (square[0] / square[1]).sqrt().mean().item()
    found = baseline_errors(benchmark, CPU, runs=4)["climatology"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_error_of_a_surrogate_that_is_off_by_a_constant():
    benchmark = Sum(1)
    surrogate = Surrogate(benchmark, [0.1, -0.2, 0.3])
    assert surrogate_error(benchmark, Surrogate(benchmark, [0.0] * 3), "test", CPU) < 1e-6
    asked = torch.as_tensor(benchmark.parameter_array(benchmark.split("validation"))).float()[:3]
    truths = benchmark.normalise(benchmark.trajectories(asked))
    size = (benchmark.domain.areas(truths) * truths.square()).mean((3, 4)).sum(2).sqrt()  # (B, T)
    expected = (torch.arange(1.0, 6.0) * 0.14**0.5 / size).mean().item()
    found = surrogate_error(benchmark, surrogate, "validation", CPU, runs=3)
    assert found == pytest.approx(expected, rel=1e-5)


def test_error_is_measured_for_each_snapshot_and_variable():
    benchmark = Sum(1)
    surrogate = Surrogate(benchmark, [0.1, -0.2, 0.3])
    error = measured_error(benchmark, surrogate, "validation", CPU)
    for index in range(5):
        at = error.at(index, torch.tensor([0.3]))
        for found, slope in zip(at, (0.1, 0.2, 0.3), strict=True):
            np.testing.assert_allclose(found, slope * (index + 1), rtol=1e-3)
