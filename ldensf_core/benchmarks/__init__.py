"""The physics: what is true. One file a benchmark, one line in the registry."""

import copyreg
from functools import cache
from pickle import DEFAULT_PROTOCOL
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
    if not isinstance(name, str) or name not in BENCHMARKS:
        raise ValueError(f"benchmark {name!r} is unknown; there are {', '.join(BENCHMARKS)}")
    with _BUILDING:
        return _benchmark(name)


_BUILDING = Lock()
"""Without it, two threads that ask at once would get an object each."""


@cache
def _benchmark(name: str) -> Benchmark:
    return BENCHMARKS[name]()


def _reduced(benchmark: Benchmark) -> tuple:
    """What pickles and copies are made from: a registered benchmark is the same one everywhere.

    So whatever stands in its domain still does so after a journey to another process. Others go
    by value, and are other benchmarks there.
    """
    if benchmark.name in BENCHMARKS and benchmark is get_benchmark(benchmark.name):
        return get_benchmark, (benchmark.name,)
    return benchmark.__reduce_ex__(DEFAULT_PROTOCOL)


for _kind in BENCHMARKS.values():
    copyreg.pickle(_kind, _reduced)
