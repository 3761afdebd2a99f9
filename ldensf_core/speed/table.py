"""The table of ``ldensf bench``: implementations of a cycle on ensembles of several sizes.

Observations are of the surrogate's run with the first test parameters, to save computing a truth;
without trained weights, of the solver's run. Each number is a median over repeats after warm-up, as
many as fit a time limit; each repeat is waited for. Parts are timed separately from the whole: if
the whole is one CUDA graph, it takes less than their sum.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.checks import is_whole
from ldensf_core.device import clock, machine_name, recorded, release_memory, resolve_device
from ldensf_core.filters import FILTERS, EnSF, FullSpaceFilter, LDEnSF
from ldensf_core.filters.base import Filter
from ldensf_core.filters.chosen import Wanted, chosen, make_filter
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.speed.cost import Peak, cycle_cost, measured_peak
from ldensf_core.speed.published_loop import PublishedLoop
from ldensf_core.weights.checkpoints import has_weights, load_pretrained
from ldensf_core.weights.model import LatentModel

try:
    import resource
except ImportError:  # Windows: psutil gives the peak
    resource = None

NAMES = {"this": LDEnSF.name, "full-space-ensf": EnSF.name}
"""Filters with another name in this table."""
COMPARED = ("this", "published-loop", "full-space-ensf")
WARM_UP, FEWEST, MOST = 5, 5, 3000
"""Calls for warm-up, and least and most calls that count."""
SECONDS = 2.0
"""Time for the repeats of one number, beyond the fewest."""


def bench(
    benchmark: str | Benchmark,
    members: Sequence[int] = (20, 100, 1000),
    implementations: Sequence[Wanted] = COMPARED,
    sensors: int | None = None,
    full_space_members: int = 20,
    device: str = "auto",
    progress: bool = False,
) -> list[dict[str, Any]]:
    """One row for each implementation and ensemble size.

    Args:
        benchmark: name or object.
        implementations: names of ``implementations()``, or classes of filters.
        sensors: number, on a grid; by default the benchmark's.
        full_space_members: largest ensemble to run the solver for.

    Raises:
        ValueError: if a name is unknown or an ensemble has no members.
        CheckpointError: if the weights cannot be loaded.
    """
    kinds = _kinds(implementations)
    members = list(members) if isinstance(members, Iterable) else [members]
    if not members or not all(is_whole(size, 1) for size in members):
        raise ValueError(f"members {members}: whole numbers of at least 1 are needed")
    if not is_whole(full_space_members, 0):
        raise ValueError(
            f"full_space_members = {full_space_members!r}: a whole number of at least 0 is needed"
        )
    benchmark, device = get_benchmark(benchmark), resolve_device(device)
    latent = any(_latent(kind) for kind in kinds.values())
    model = load_pretrained(benchmark, device) if latent or has_weights(benchmark) else None
    observed = observed_run(model or benchmark, sensors)
    peak = measured_peak(device)
    tasks = [
        (name, kind, size)
        for size in members
        for name, kind in kinds.items()
        if _latent(kind) or size <= full_space_members
    ]
    return [
        _row(benchmark, model, device, observed, peak, *task)
        for task in tqdm(tasks, disable=not progress)
    ]


def implementations() -> list[str]:
    """Names that can be timed: filters, and the published latent cycle."""
    return [*COMPARED, *(name for name in FILTERS if name not in NAMES.values())]


def _latent(kind: type) -> bool:
    return kind is PublishedLoop or (kind.kind == "latent" and not kind.without_weights)


def _kinds(wanted: Any) -> dict[str, type[Filter] | type[PublishedLoop]]:
    """Classes by the name of their row."""
    several = wanted if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    found: dict[str, Any] = {}
    for one in several:
        if isinstance(one, str) and one not in implementations():
            raise ValueError(
                f"implementations {list(several)}: choose of {', '.join(implementations())}"
            )
        if one == "published-loop":
            found[one] = PublishedLoop
        elif isinstance(one, str) and one in NAMES:
            found[one] = FILTERS[NAMES[one]]
        else:
            found |= {label: chosen_.kind for label, chosen_ in chosen([one]).items()}
    if not found:
        raise ValueError(f"implementations []: choose of {', '.join(implementations())}")
    return found


def observed_run(
    of: LatentModel | Benchmark, sensors: int | None = None, layout: str = "grid"
) -> list[Observation]:
    """Observations with noise 0.1 of the first test run, computed by surrogate or solver."""
    bench = of if isinstance(of, Benchmark) else of.benchmark
    network = SensorNetwork.place(bench, sensors, layout)
    parameters = bench.split("test").isel(trajectory=0)
    run = of.simulate(parameters) if of is bench else of.predict(parameters)
    fields = torch.as_tensor(np.stack([run[v.name].values for v in bench.variables], axis=1))
    return [network.observe(snapshot, i, 0.1, 0.0, seed=0) for i, snapshot in enumerate(fields)]


def _row(
    benchmark: Benchmark,
    model: LatentModel | None,
    device: torch.device,
    observed: list[Observation],
    peak: Peak,
    name: str,
    kind: type,
    members: int,
) -> dict[str, Any]:
    if device.type == "cuda":
        release_memory(device)
        torch.cuda.reset_peak_memory_stats(device)
    if kind is PublishedLoop:
        filter_ = PublishedLoop(model, observed[0])
        filter_.reset(members, seed=0)
    else:
        filter_ = make_filter(kind, benchmark, members, 0, device, model)
    filter_.analyse(observed[0])
    restart = restarting(filter_, members)
    calls: dict[str, Callable[[Observation], object] | None] = {
        "cycle": filter_.cycle,
        "forecast": lambda _: filter_.forecast(),
        "analysis": filter_.analyse,
        "encode": _encode(filter_),
    }
    times = {
        key: call and milliseconds(call, observed, device, restart) for key, call in calls.items()
    }
    sensors = len(observed[0].values)
    of_paper = kind in (LDEnSF, PublishedLoop)
    cost = cycle_cost(model, members, sensors) if of_paper else None
    low, high = np.quantile(times["cycle"], [0.1, 0.9])
    return {
        "benchmark": benchmark.name,
        "implementation": name,
        "members": members,
        "device": machine_name(device),
        "cycle_ms": median(times["cycle"]),
        "cycle_ms_10": float(low),
        "cycle_ms_90": float(high),
        "forecast_ms": median(times["forecast"]),
        "analysis_ms": median(times["analysis"]),
        "encode_ms": times["encode"] and median(times["encode"]),
        "peak_memory_mb": peak_memory_mb(device),
        "operations": cost and cost.operations,
        "bytes": cost and cost.bytes,
        "limit_ms": cost and cost.milliseconds(peak),
    }


def restarting(filter_: Any, members: int) -> Callable[[], None]:
    """Returns a function that restores the prior ensemble, without a new spin-up."""
    if not isinstance(filter_, FullSpaceFilter):
        return lambda: filter_.reset(members, seed=0)
    kept = filter_.state.clone(), filter_.parameters

    def restore() -> None:
        filter_.state, filter_.parameters = kept

    return restore


def _encode(filter_: Any) -> Callable[[Observation], object] | None:
    if isinstance(filter_, LDEnSF):
        encode = torch.inference_mode()(filter_.history.encode)
        if filter_.model.device.type == "cuda":
            encode = recorded(encode, filter_.model.device)
        return lambda _: encode()
    return getattr(filter_, "encode", None)


def milliseconds(
    function: Callable[[Observation], object],
    observations: list[Observation],
    device: torch.device,
    restart: Callable[[], None],
) -> list[float]:
    """Times of single calls, each with the next observation; the initial one is left out.

    Args:
        restart: called before each pass through the observations; not timed.
    """
    times: list[float] = []
    deadline = None
    for call in range(WARM_UP + MOST):
        turn = call % (len(observations) - 1)
        if turn == 0:
            restart()
        # A new object each time, so that nothing is cached in it.
        observation = replace(observations[1 + turn])
        start = clock(device)
        function(observation)
        times.append(1e3 * (clock(device) - start))
        if call == WARM_UP - 1:
            deadline = time.perf_counter() + SECONDS
        if call + 1 >= WARM_UP + FEWEST and time.perf_counter() > deadline:
            break
    return times[WARM_UP:]


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory: on a GPU since the row began, on a CPU of the whole process so far.

    If the system does not tell the latter, the memory that the process holds now.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    if resource is not None:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 1e6
