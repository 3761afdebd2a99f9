"""The table of ``ldensf bench``: implementations of a cycle on ensembles of several sizes.

Observations are of the surrogate's own run with the first test parameters, so that no time goes
into a truth. Each number is a median over repeats after warm-up, as many as fit a time, every
one of them waited for; parts are timed apart from the whole, and where the whole is one CUDA
graph their sum is more than it.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ldensf_core.capture import recorded
from ldensf_core.checkpoints import load_pretrained
from ldensf_core.device import clock
from ldensf_core.filters import EnSF, LDEnSF
from ldensf_core.model import LatentModel
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.speed.cost import Peak, cycle_cost, measured_peak
from ldensf_core.speed.published_loop import PublishedLoop
from ldensf_core.verification.table import device_name

IMPLEMENTATIONS = ("this", "published-loop", "full-space-ensf")
WARM_UP, FEWEST, MOST = 5, 5, 300
"""Calls that do not count, and how many do at least and at most."""
SECONDS = 2.0
"""For the repeats of one number, once there are the fewest."""


def bench(
    benchmark: str,
    members: Sequence[int] = (20, 100, 1000),
    implementations: Sequence[str] = IMPLEMENTATIONS,
    sensors: int | None = None,
    full_space_members: int = 20,
    device: str = "auto",
    progress: bool = False,
) -> list[dict[str, Any]]:
    """One row an implementation and size of the ensemble.

    Args:
        sensors: on a grid; by default the benchmark's own.
        full_space_members: the largest ensemble that the solver is run for.

    Raises:
        ValueError: for a name that is unknown or an ensemble without members.
        CheckpointError: if the weights cannot be loaded.
    """
    unknown = [name for name in implementations if name not in IMPLEMENTATIONS]
    if unknown or not implementations:
        raise ValueError(
            f"implementations {list(implementations)}: choose of {', '.join(IMPLEMENTATIONS)}"
        )
    if not members or min(members) < 1:
        raise ValueError(f"members {list(members)}: each is to be at least 1")
    model = load_pretrained(benchmark, device)
    observations = _observations(model, sensors)
    peak = measured_peak(model.device)
    tasks = [
        (name, size)
        for size in members
        for name in implementations
        if name != "full-space-ensf" or size <= full_space_members
    ]
    return [_row(model, observations, peak, *task) for task in tqdm(tasks, disable=not progress)]


def _observations(model: LatentModel, sensors: int | None) -> list[Observation]:
    bench = model.benchmark
    network = SensorNetwork.place(bench, sensors, "grid")
    run = model.predict(bench.split("test").isel(trajectory=0))
    fields = torch.as_tensor(np.stack([run[v.name].values for v in bench.variables], axis=1))
    return [network.observe(snapshot, i, 0.1, 0.0, seed=0) for i, snapshot in enumerate(fields)]


def _row(
    model: LatentModel, observations: list[Observation], peak: Peak, name: str, members: int
) -> dict[str, Any]:
    device = model.device
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    if name == "this":
        filter_: Any = LDEnSF(model)
    elif name == "published-loop":
        filter_ = PublishedLoop(model, observations[0])
    else:
        filter_ = EnSF(model.benchmark, device)
    filter_.reset(members, seed=0)
    filter_.analyse(observations[0])
    encode = None
    if name == "this":
        history = filter_.history
        encode = torch.inference_mode()(history.encode)
        encode = recorded(encode) if device.type == "cuda" else encode
    elif name == "published-loop":
        encode = filter_.encode

    def whole(observation: Observation) -> None:
        if name == "full-space-ensf":
            filter_.forecast()
            filter_.analyse(observation)
        else:
            filter_.cycle(observation)

    cycle = _milliseconds(whole, observations, device)
    forecast = _milliseconds(lambda _: filter_.forecast(), observations, device)
    analysis = _milliseconds(filter_.analyse, observations, device)
    if name == "this":
        encoded = _milliseconds(lambda _: encode(), observations, device)
    else:
        encoded = encode and _milliseconds(encode, observations, device)
    cost = None if name == "full-space-ensf" else cycle_cost(model, members, _count(observations))
    return {
        "benchmark": model.benchmark.name,
        "implementation": name,
        "members": members,
        "device": device_name(device),
        "cycle_ms": float(np.median(cycle)),
        "cycle_ms_10": float(np.quantile(cycle, 0.1)),
        "cycle_ms_90": float(np.quantile(cycle, 0.9)),
        "forecast_ms": float(np.median(forecast)),
        "analysis_ms": float(np.median(analysis)),
        "encode_ms": None if encoded is None else float(np.median(encoded)),
        "peak_memory_mb": _peak_memory_mb(device),
        "operations": cost and cost.operations,
        "bytes": cost and cost.bytes,
        "limit_ms": cost and cost.milliseconds(peak),
    }


def _count(observations: list[Observation]) -> int:
    return len(observations[0].values)


def _milliseconds(
    function: Callable[[Observation], object],
    observations: list[Observation],
    device: torch.device,
) -> list[float]:
    """Of single calls, with the observations in turn; the initial one is left out."""
    times: list[float] = []
    deadline = None
    for call in range(WARM_UP + MOST):
        observation = observations[1 + call % (len(observations) - 1)]
        start = clock(device)
        function(observation)
        times.append(1e3 * (clock(device) - start))
        if call == WARM_UP - 1:
            deadline = time.perf_counter() + SECONDS
        if call + 1 >= WARM_UP + FEWEST and time.perf_counter() > deadline:
            break
    return times[WARM_UP:]


def _peak_memory_mb(device: torch.device) -> float:
    """Of the GPU since the row began; of the whole process, so far, on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
