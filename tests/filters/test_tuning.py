import math

import pytest

from ldensf_core.analyses.score import smallest_stable_sigma
from ldensf_core.benchmarks import get_benchmark, list_benchmarks
from ldensf_core.filters import FILTERS
from ldensf_core.filters.options import options_of


@pytest.mark.parametrize("name", list_benchmarks())
def test_letkf_has_its_tuning(name):
    """Inflation of some per cent, a radius within the domain or none, and a share."""
    values = get_benchmark(name).tuning["letkf"]
    assert set(values) == {"inflation", "radius", "parameter_taper"}
    assert 1 <= values["inflation"] <= 1.5
    widths = {"tsunami": 1000.0, "kolmogorov": 6.28, "atmosphere": 40_000.0}  # of the domain
    assert 0.01 < values["radius"] / widths[name] < 1 or values["radius"] == math.inf
    assert 0 <= values["parameter_taper"] <= 1


@pytest.mark.parametrize("name", list_benchmarks())
@pytest.mark.parametrize("filter_", ["ensf", "ensf-inpainting", "latent-ensf"])
def test_score_filters_have_a_schedule(filter_, name):
    values = get_benchmark(name).tuning[filter_]
    assert set(values) == {"steps", "epsilon"}
    assert smallest_stable_sigma(**values) < 0.1  # the noise by default


@pytest.mark.parametrize(
    "name, epsilon", [("tsunami", 0.5), ("kolmogorov", 0.01), ("atmosphere", 0.01)]
)
def test_the_published_rule_has_its_authors_epsilon(name, epsilon):
    assert get_benchmark(name).tuning["ld-ensf"] == {"epsilon": epsilon}


@pytest.mark.parametrize("name", list_benchmarks())
def test_what_is_tuned_are_options_of_filters(name):
    for filter_, values in get_benchmark(name).tuning.items():
        options = options_of(FILTERS[filter_])
        for option, value in values.items():
            options[option].check(value, filter_)
