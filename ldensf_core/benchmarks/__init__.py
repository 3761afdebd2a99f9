"""The physics: what is true. One file a benchmark, one line in the registry."""

import copyreg
from functools import cache, lru_cache
from pathlib import Path
from pickle import DEFAULT_PROTOCOL
from threading import Lock

from ldensf_core.benchmarks.atmosphere import Atmosphere
from ldensf_core.benchmarks.base import Benchmark
from ldensf_core.benchmarks.dataset import DatasetBenchmark
from ldensf_core.benchmarks.kolmogorov import Kolmogorov
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.benchmarks.tsunami import Tsunami
from ldensf_core.domains import Axis, Box, Globe
from ldensf_core.registry import Registry

__all__ = [
    "BENCHMARKS",
    "Axis",
    "Benchmark",
    "Box",
    "DatasetBenchmark",
    "Globe",
    "Parameter",
    "Variable",
    "get_benchmark",
    "list_benchmarks",
    "register_benchmark",
]


def _check(thing: object) -> None:
    if isinstance(thing, Benchmark) or (isinstance(thing, type) and issubclass(thing, Benchmark)):
        return
    raise ValueError(f"benchmark {thing!r}: an object or subclass of Benchmark is needed")


BENCHMARKS: Registry[Benchmark | type[Benchmark]] = Registry(
    "benchmark", [Kolmogorov, Tsunami, Atmosphere], _check
)


def list_benchmarks() -> list[str]:
    """Names that ``get_benchmark`` takes."""
    return list(BENCHMARKS)


def get_benchmark(benchmark: str | Benchmark) -> Benchmark:
    """The benchmark of that name: always the same object. A benchmark is given back as it is.

    Args:
        benchmark: a name that ends with ``.nc`` is a file of runs (``DatasetBenchmark``), which is
            read again when it has changed.

    Raises:
        ValueError: if there is none of that name, or the file cannot be used.
        OSError: if the file cannot be read.
    """
    if isinstance(benchmark, Benchmark):
        return benchmark
    if isinstance(benchmark, str) and benchmark.endswith(".nc"):
        path = Path(benchmark).absolute()
        changed = path.stat().st_mtime_ns if path.exists() else 0
        with _BUILDING:
            return _opened(path, changed)
    known = BENCHMARKS[benchmark]
    with _BUILDING:
        return _built(known)


def register_benchmark(
    benchmark: Benchmark | type[Benchmark],
) -> Benchmark | type[Benchmark]:
    """Have ``get_benchmark``, the command line and the app know a benchmark by its name.

    Args:
        benchmark: an object, or a class that is made without arguments when it is first asked
            for. It is given back, so that this decorates a class.

    Raises:
        ValueError: if it is no benchmark, its name is none, or another one has it.
    """
    return BENCHMARKS.register(benchmark)


_BUILDING = Lock()
"""Without it, two threads that ask at once would get an object each."""


@cache
def _built(known: Benchmark | type[Benchmark]) -> Benchmark:
    benchmark = known() if isinstance(known, type) else known
    copyreg.pickle(type(benchmark), _reduced)
    return benchmark


@lru_cache(maxsize=4)
def _opened(path: Path, changed: int) -> Benchmark:
    copyreg.pickle(DatasetBenchmark, _reduced)
    return DatasetBenchmark.open(path)


def _reduced(benchmark: Benchmark) -> tuple:
    """What pickles and copies are made from: one that has been got by name is got so again.

    So whatever stands in its domain still does so after a journey to another process. Others go
    by value, and are other benchmarks there.
    """
    try:
        known = get_benchmark(benchmark.known_as)
    except (ValueError, OSError):  # it was never registered, or its file has gone
        known = None
    if known is benchmark:
        return get_benchmark, (benchmark.known_as,)
    return benchmark.__reduce_ex__(DEFAULT_PROTOCOL)
