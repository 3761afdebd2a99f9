import pytest

from ldensf_core.benchmarks import list_benchmarks
from ldensf_core.filters import LETKF
from ldensf_core.filters.tuning import TUNING


@pytest.mark.parametrize("name", list_benchmarks())
def test_every_benchmark_has_its_tuning(name):
    """Inflation of some per cent, a radius well within the domain, and a share."""
    values = TUNING["letkf"][name]
    assert set(values) == {"inflation", "radius", "parameter_taper"}
    assert 1 <= values["inflation"] <= 1.5
    widths = {"tsunami": 1000.0, "kolmogorov": 6.28, "atmosphere": 40_000.0}  # of the domain
    assert 0.01 < values["radius"] / widths[name] < 1
    assert 0 <= values["parameter_taper"] <= 1


def test_only_filters_that_need_it_are_tuned():
    assert set(TUNING) == {LETKF.name}
