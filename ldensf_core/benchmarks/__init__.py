"""The physics: what is true. One file a benchmark, one line in the registry."""

from functools import cache
from threading import Lock

from ldensf_core.benchmarks.atmosphere import Atmosphere
from ldensf_core.benchmarks.base import Axis, Benchmark, Parameter, Variable
from ldensf_core.benchmarks.kolmogorov import Kolmogorov
from ldensf_core.benchmarks.tsunami import Tsunami

BENCHMARKS: dict[str, type[Benchmark]] = {
    "kolmogorov": Kolmogorov,
    "tsunami": Tsunami,
    "atmosphere": Atmosphere,
}

__all__ = [
    "BENCHMARKS",
    "Axis",
    "Benchmark",
    "Parameter",
    "Variable",
    "get_benchmark",
    "list_benchmarks",
]


def list_benchmarks() -> list[str]:
    """Names that ``get_benchmark`` takes."""
    return list(BENCHMARKS)


def get_benchmark(name: str) -> Benchmark:
    """The benchmark called ``name``: always the same object.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"benchmark {name!r} is unknown; there are {', '.join(BENCHMARKS)}")
    with _BUILDING:
        return _benchmark(name)


_BUILDING = Lock()
"""Without it, two threads that ask at once would get an object each."""


@cache
def _benchmark(name: str) -> Benchmark:
    return BENCHMARKS[name]()
