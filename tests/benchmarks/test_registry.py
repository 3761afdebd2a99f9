import copy
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ldensf_core import SensorNetwork, benchmarks, register_benchmark
from ldensf_core.benchmarks import (
    Atmosphere,
    Axis,
    Benchmark,
    Box,
    Kolmogorov,
    Parameter,
    Tsunami,
    Variable,
    get_benchmark,
    list_benchmarks,
)
from ldensf_core.registry import Registry


@pytest.fixture
def registry(monkeypatch):
    """One of this test's own, so that what it registers is gone afterwards."""
    registry = Registry("benchmark", [Tsunami, Kolmogorov], benchmarks._check)
    monkeypatch.setattr(benchmarks, "BENCHMARKS", registry)
    return registry


class Decay(Benchmark):
    """The example in the docstring of ``Benchmark``."""

    name, title = "decay", "A hill that decays"
    variables = (Variable("h", "height", "m", mean=0.3, std=0.4),)
    parameters = (Parameter("rate", "rate of decay", "1", 0.1, 2.0),)
    axis = np.arange(0.5, 16)
    domain = Box(Axis("x", "x", "km", axis, 0, 16), Axis("y", "y", "km", axis, 0, 16))
    times, time_units = np.arange(10.0), "h"

    def spin_up(self, parameters):
        hill = torch.exp(-(((torch.arange(16.0) - 8) / 3) ** 2))
        yield (hill * hill[:, None]).expand(len(parameters), 1, 16, 16)

    def advance(self, state, parameters):
        return state * torch.exp(-0.1 * parameters)[..., None, None]

    def fields(self, state):
        return state

    def corrected(self, state, increment):
        return state + increment


def test_every_listed_benchmark_is_there():
    for name in list_benchmarks():
        assert get_benchmark(name).name == name
        assert get_benchmark(name) is get_benchmark(name)


def test_unknown_benchmark_is_named():
    with pytest.raises(ValueError, match=r"'tsunamy' is unknown; there are .*tsunami"):
        get_benchmark("tsunamy")


@pytest.mark.parametrize("name", list_benchmarks())
@pytest.mark.parametrize(
    "journey", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_registered_benchmarks_travel_by_name(name, journey):
    benchmark = get_benchmark(name)
    assert journey(benchmark) is benchmark
    assert len(pickle.dumps(benchmark)) < 200


class Deep(Tsunami):
    """One of a user's, which bears the name of a registered one."""


@pytest.mark.parametrize(
    "make", [lambda: Tsunami(20), lambda: Deep(20), lambda: Kolmogorov(32), lambda: Atmosphere(12)]
)
@pytest.mark.parametrize(
    "journey", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_other_benchmarks_travel_by_value(make, journey, monkeypatch):
    """And are others afterwards, which give the same fields."""
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Deep=Deep))
    benchmark = make()
    parameters = torch.as_tensor(
        benchmark.parameter_array(benchmark.sample_parameters(1, seed=0)), dtype=torch.float32
    )
    state = next(benchmark.spin_up(parameters))
    other = journey(benchmark)
    assert type(other) is type(benchmark) and other is not benchmark and other != benchmark
    assert other.grid_shape == benchmark.grid_shape
    assert torch.equal(next(other.spin_up(parameters)), state)
    assert torch.equal(other.fields(state), benchmark.fields(state))


# -- benchmarks of others -----------------------------------------------------------------


def test_a_benchmark_is_given_back_as_it_is():
    basin = Tsunami(20)
    assert get_benchmark(basin) is basin
    assert get_benchmark("tsunami") is not basin


def test_a_class_is_registered_and_made_once(registry):
    assert register_benchmark(Decay) is Decay
    assert list_benchmarks() == ["tsunami", "kolmogorov", "decay"]
    decay = get_benchmark("decay")
    assert type(decay) is Decay and get_benchmark("decay") is decay
    assert copy.deepcopy(decay) is decay


def test_an_object_is_registered(registry):
    decay = Decay()
    assert register_benchmark(decay) is decay
    assert get_benchmark("decay") is decay
    assert copy.copy(decay) is decay


@pytest.mark.parametrize("thing", ["decay", object, object(), 3])
def test_what_is_no_benchmark_is_not_registered(registry, thing):
    with pytest.raises(ValueError, match="an object or subclass of Benchmark is needed"):
        register_benchmark(thing)


def test_a_name_is_taken_once(registry):
    with pytest.raises(ValueError, match="another benchmark called 'tsunami'"):
        register_benchmark(Tsunami(20))


def test_a_benchmark_of_ones_own_needs_no_more_than_it_is_told():
    decay = Decay()
    runs = decay.simulate(decay.sample_parameters(2, seed=0))
    assert runs.h.dims == ("trajectory", "time", "y", "x") and runs.h.shape == (2, 10, 16, 16)
    ratio = runs.h[:, 9].sum(("x", "y")) / runs.h[:, 0].sum(("x", "y"))
    np.testing.assert_allclose(ratio, np.exp(-0.9 * runs.rate), rtol=1e-5)
    assert len(SensorNetwork.place(decay, 9, "grid")) == 9
    assert decay.tuning == {}


# -- the basis that there is by default ---------------------------------------------------


def box(x, y):
    return Box(
        *(
            Axis(name, name, "km", np.arange(0.5, n), 0.0, float(n), periodic)
            for name, n, periodic in (("x", 24, x), ("y", 16, y))
        )
    )


@pytest.mark.parametrize("periodic", [False, True])
def test_the_default_basis_holds_smooth_fields(periodic):
    decay = Decay()
    decay.domain = box(periodic, periodic)
    basis = decay.basis(81)
    assert basis.count == 81
    hill = torch.exp(-(((torch.arange(24.0) - 12) / 4) ** 2))
    hill = hill * torch.exp(-(((torch.arange(16.0) - 8) / 3) ** 2))[:, None]
    fields = decay.normalise(hill[None])
    back = basis.synthesise(basis.analyse(fields))
    assert (back - fields).norm() < 0.03 * fields.norm()


@pytest.mark.parametrize("domain", [box(True, False), Atmosphere(12).domain])
def test_where_there_is_no_default_basis_the_benchmark_has_to_define_it(domain):
    decay = Decay()
    decay.domain = domain
    with pytest.raises(ValueError, match="decay has to define basis"):
        decay.basis(20)


# -- tuned options ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tsunami", "kolmogorov", "atmosphere"])
def test_options_of_filters_come_with_the_benchmarks(name):
    tuning = get_benchmark(name).tuning
    assert tuning["letkf"]["inflation"] > 1
    assert isinstance(tuning["ensf"]["steps"], int)
    assert get_benchmark("kolmogorov").tuning["letkf"]["radius"] == np.inf
