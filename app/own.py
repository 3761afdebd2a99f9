"""Filters and benchmarks of a visitor's own, registered where they are handed in."""

from __future__ import annotations

from collections.abc import Iterable

from ldensf_core import get_benchmark, register_filter
from ldensf_core.benchmarks import BENCHMARKS, Benchmark, register_benchmark
from ldensf_core.filters import Filter


def known_benchmark(benchmark: str | Benchmark) -> str:
    """The name of a benchmark, which is registered if it is not yet.

    Raises:
        ValueError: if it cannot be, since it is none or another one has its name.
    """
    if not isinstance(benchmark, type):
        benchmark = get_benchmark(benchmark)  # of a name, or a file of runs
    name = benchmark.name
    if name not in BENCHMARKS or get_benchmark(name) is not benchmark:
        register_benchmark(benchmark)
    return name


def known_filters(filters: Iterable[str | type[Filter]]) -> list[str]:
    """The names of filters; classes are registered.

    Raises:
        ValueError: if one cannot be.
    """
    return [f if isinstance(f, str) else register_filter(f).name for f in filters]
