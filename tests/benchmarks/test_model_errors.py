"""Other physics for truths: what all benchmarks promise of them. Their physics are tested beside
those of each benchmark."""

import gc
import weakref
from functools import cache
from typing import ClassVar

import numpy as np
import pytest
import torch

from ldensf_core.benchmarks import (
    Atmosphere,
    Kolmogorov,
    ModelError,
    Tsunami,
    altered,
    get_benchmark,
    list_benchmarks,
)
from ldensf_core.benchmarks.model_errors import check_fits

ALL = [(name, error) for name in list_benchmarks() for error in get_benchmark(name).model_errors]
SMALL = {"tsunami": Tsunami(20), "kolmogorov": Kolmogorov(15), "atmosphere": Atmosphere(12, 4)}


@pytest.mark.parametrize(("name", "error"), ALL)
def test_a_model_error_fits_its_benchmark_and_is_always_the_same_object(name, error):
    known = get_benchmark(name)
    changed = known.with_error(error)
    assert changed is not known and known.with_error(error) is changed
    assert type(changed) is type(known) and changed.name == name
    assert changed.title == f"{known.title}, {known.model_errors[error].title}"
    assert np.array_equal(changed.times, known.times)
    assert np.array_equal(changed.x.points, known.x.points)
    check_fits(changed, known)


@cache
def run(benchmark):
    middle = torch.zeros(1, len(benchmark.parameters))
    return benchmark.trajectories(benchmark.physical_parameters(middle))


@pytest.mark.parametrize(("name", "error"), ALL)
def test_a_model_error_makes_another_finite_run(name, error):
    known = SMALL[name]
    own, other = run(known), run(known.with_error(error))
    assert other.isfinite().all()
    apart = (known.normalise(other[:, -1]) - known.normalise(own[:, -1])).norm()
    print(f"{name}, {error}: {apart / known.normalise(own[:, -1]).norm():.1%} apart at the end")
    assert apart > 0.01 * known.normalise(own[:, -1]).norm()


def test_no_model_error_is_the_benchmark_itself():
    basin = Tsunami(12)
    assert basin.with_error("none") is basin


def test_an_unknown_model_error_is_named():
    with pytest.raises(
        ValueError, match="error 'lava' of tsunami is unknown; there are none, deep"
    ):
        Tsunami(12).with_error("lava")


def test_a_benchmark_of_ones_own_size_has_its_own():
    small, large = Tsunami(12), Tsunami(20)
    deeper = small.with_error("deeper-water")
    assert deeper.grid_shape == (12, 12)
    assert deeper is not large.with_error("deeper-water")


def test_a_benchmark_that_nobody_has_any_more_is_forgotten():
    basin = Tsunami(12)
    changed = weakref.ref(basin.with_error("deeper-water"))
    assert changed() is not None
    del basin
    gc.collect()
    assert changed() is None


def test_a_copy_with_other_attributes_leaves_a_registered_benchmark_alone():
    tsunami = get_benchmark("tsunami")
    other = altered(tsunami, depth=7.0)
    assert (other.depth, tsunami.depth) == (7.0, 100.0)
    assert other.domain is tsunami.domain and isinstance(other, Tsunami)


def test_an_altered_atmosphere_makes_its_own_solver():
    small = SMALL["atmosphere"]
    flow = small.flow(torch.zeros(1))
    assert altered(small, hyperdiffusion=0.0).flow(torch.zeros(1)) is not flow


class Drifting(Tsunami):
    """A user's own, with an error of a user's own."""

    model_errors: ClassVar = {
        "high": ModelError("higher", "The bump is higher.", lambda b: Tsunami(12, 100, 2))
    }


def test_a_user_may_add_model_errors():
    start = Drifting(12).with_error("high").initial_state(torch.tensor([[300.0, 300.0]]))
    assert start.max() > 1.5


@pytest.mark.parametrize(
    "other, message",
    [
        (
            Kolmogorov(12),
            r"has the variables u \(1\), v \(1\); u \(m/s\), v \(m/s\), eta \(m\) are",
        ),
        (altered(Tsunami(12), parameters=()), r"has the parameters ; source_x \(km\), source_y"),
        (Tsunami(13), "has other x: 13 from 38.4615 to 961.538 km; 12 from 41.6667 to 958.333 km"),
        (
            altered(Tsunami(12), domain=Atmosphere(12).domain),
            "has a domain that is a Globe; a Box is needed",
        ),
        (Tsunami(12, depth=110.0), "has other times: 51 from 0 to 140.9.* h; 51 from 0 to 147.8"),
        (altered(Tsunami(12), time_units="d"), "has other times: 51 from 0 to 147.8.* d; 51 from"),
        (altered(Tsunami(12), times=np.arange(3.0)), "has other times: 3 from 0 to 2 h; 51 from"),
    ],
)
def test_what_does_not_fit_is_named(other, message):
    with pytest.raises(ValueError, match=message):
        check_fits(other, Tsunami(12))
