"""The physics: what is true. One file a benchmark, one line in the registry."""

from functools import cache

from ldensf_core.benchmarks.base import Axis, Benchmark, Parameter, Variable
from ldensf_core.benchmarks.tsunami import Tsunami

BENCHMARKS: dict[str, type[Benchmark]] = {"tsunami": Tsunami}

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


@cache
def get_benchmark(name: str) -> Benchmark:
    """The benchmark called ``name``.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"benchmark {name!r} is unknown; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]()
