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
from ldensf_core.benchmarks.model_errors import ModelError, altered
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
    "ModelError",
    "Parameter",
    "Variable",
    "altered",
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
    """Names known to ``get_benchmark``."""
    return list(BENCHMARKS)


def get_benchmark(benchmark: str | Benchmark) -> Benchmark:
    """The benchmark of that name, always the same object. A ``Benchmark`` is returned unchanged.

    Args:
        benchmark: its name; a name ending in ``.nc`` is a file of runs (``DatasetBenchmark``), read
            again when it has changed.

    Raises:
        ValueError: if the name is unknown, or the file cannot be used.
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
    """Make a benchmark known by its name to ``get_benchmark``, the command line and the app.

    Args:
        benchmark: an object, or a class that is instantiated without arguments at first use. It is
            returned, so this works as a class decorator.

    Raises:
        ValueError: if it is not a benchmark, its name is invalid, or the name is taken.
    """
    return BENCHMARKS.register(benchmark)


_BUILDING = Lock()
"""Without this lock, two threads that ask at once would get different objects."""


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
    """Pickle and copy a registered benchmark by its name, so that it stays the same object.

    Sensors of it then fit it in another process too. Other benchmarks are pickled by value and
    become different ones there.
    """
    try:
        known = get_benchmark(benchmark.known_as)
    except (ValueError, OSError):  # never registered, or its file is gone
        known = None
    if known is benchmark:
        return get_benchmark, (benchmark.known_as,)
    return benchmark.__reduce_ex__(DEFAULT_PROTOCOL)
