"""Verify filters over settings and truths, in this process or on a Dask cluster.

A run is one truth in one setting, followed by all filters, which share truth and observations. Runs
are the units of work for a worker, and of repetition after an interruption.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.checks import is_whole
from ldensf_core.device import environment, machine_name, resolve_device
from ldensf_core.files import check_writable, write_netcdf
from ldensf_core.filters.chosen import Chosen, Wanted, chosen
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import rank_histogram
from ldensf_core.twin.experiment import TwinExperiment
from ldensf_core.verification import archive
from ldensf_core.verification.cluster import on_cluster
from ldensf_core.verification.cycle import cycle_scores
from ldensf_core.weights.checkpoints import has_weights, load_pretrained, weights_folder
from ldensf_core.weights.model import LatentModel

SETTING = ("sensors", "layout", "variables", "noise", "every", "members")


def verify(
    benchmark: str | Benchmark,
    filters: Wanted | Sequence[Wanted] | Mapping[str, Any],
    truths: int = 10,
    sensors: int | Sequence[int] | None = None,
    layout: str | Sequence[str] = "grid",
    variables: str | Sequence[str] = archive.ALL,
    noise: float | Sequence[float] = 0.1,
    every: int | Sequence[int] = 1,
    members: int | Sequence[int] = 20,
    seed: int = 0,
    device: str = "auto",
    missing: float = 0.0,
    split: str = "test",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool = False,
    output: Path | None = None,
    workers: int | None = 0,
    scheduler: str | None = None,
    model_error: str = NONE,
) -> xr.Dataset:
    """Score filters on the first ``truths`` trajectories of a split, by time: see ``archive``.

    ``sensors``, ``layout``, ``variables``, ``noise``, ``every`` and ``members`` may each be one
    value or several; all combinations are run. ``sensors`` is by default the benchmark's number.
    For truth number i, ``seed + i`` is the seed of noise, ensembles and sensors.

    Args:
        benchmark, filters, options: as for ``TwinExperiment``. A row's filter is its label.
        variables: those that are measured: ``all``, a name, or names joined by ``+``. Scores
            have them in the benchmark's order.
        output: file for the scores, written after every run. Runs in it are not repeated; its
            other runs stay.
        workers: number of processes of a local cluster, each with one thread; 0: run all in this
            process. None: 0 on a GPU and for a single run, else one for each core. Processes
            import the calling script, which must call this under ``if __name__ == "__main__"``.
            On a CPU sums depend on the number of threads: with torch set to one thread, this
            process gives the same bits as a cluster.
        scheduler: address of a Dask scheduler whose workers do the runs instead; they need the
            same version of this project and its weights.
        model_error: of the truths, one of the benchmark's ``model_errors``.

    Returns:
        The scores of these runs.

    Raises:
        ValueError: if an argument is out of range, naming it and what is allowed, or if
            ``output`` holds something else.
        CheckpointError: if a filter needs trained weights that cannot be loaded.
        OSError: if the file cannot be written, the scheduler cannot be reached, or workers die
            repeatedly.
    """
    bench = get_benchmark(benchmark)
    if not is_whole(seed, 0):
        raise ValueError(f"seed = {seed!r}: a whole number of at least 0 is needed")
    available = bench.split(split).sizes["trajectory"]
    if not is_whole(truths, 1) or truths > available:
        raise ValueError(
            f"truths = {truths!r}: a whole number from 1 to {available}, the size of the {split} "
            "split, is needed"
        )
    if workers is not None and not is_whole(workers, 0):
        raise ValueError(f"workers = {workers!r}: 0 (this process alone) or more is needed")
    if scheduler is not None and workers:
        raise ValueError(f"workers = {workers}: give none, the scheduler has workers")
    if sensors is None:
        sensors = math.prod(bench.sensor_grid)
    labelled = chosen(filters, options, has_weights(bench))
    named = _several("variables", variables)
    over: dict[str, Sequence] = {
        "filter": list(labelled),
        "sensors": _several("sensors", sensors),
        "layout": _several("layout", layout),
        "variables": _several("variables", [_measured(bench, one) for one in named]),
        "noise": _several("noise", noise),
        "every": _several("every", every),
        "members": _several("members", members),
        "truth": range(truths),
    }
    settings = [
        dict(zip(SETTING, values, strict=True))
        for values in itertools.product(*(over[axis] for axis in SETTING))
    ]
    common = {"seed": seed, "missing": missing, "split": split, "model_error": model_error}
    for setting in settings:  # refuse impossible settings before any run
        _experiment(bench, labelled, 0, device=device, **setting, **common)
    of_filters = {label: one.settings(bench) for label, one in labelled.items()}
    fixed = {
        "benchmark": bench.name,
        **common,
        "options": json.dumps(of_filters, sort_keys=True, default=float),  # numpy numbers
        "weights": _weights(bench),
    }
    made = {"command": archive.command(), "environment": json.dumps(environment())}
    scores = archive.blank(bench, over, fixed | made)
    if output is not None:
        check_writable(output)
        if output.exists():
            scores = archive.reopened(output, scores, list(fixed))
        write_netcdf(scores, output)
    to_do = []
    for truth, setting in itertools.product(over["truth"], settings):
        at = {**setting, "truth": truth}
        rest = {
            label: one
            for label, one in labelled.items()
            if not archive.finished(scores, {**at, "filter": label})
        }
        if rest:
            to_do.append({**at, "filters": rest})
    if workers is None:
        alone = len(to_do) < 2 or resolve_device(device).type == "cuda"
        workers = 0 if alone else min(os.cpu_count() or 1, len(to_do))
    run_ = partial(run, bench, weights=bench.weights, device=device, **common)
    total = len(to_do) * bench.n_times
    with tqdm(total=total, unit="cycle", disable=not progress) as bar:
        if to_do and (workers or scheduler is not None):
            done = on_cluster(run_, to_do, scheduler, workers)
        else:
            done = ((task, run_(**task, on_cycle=bar.update)) for task in to_do)
        with closing(done):
            for n, (task, results) in enumerate(done, start=1):
                for name, values in results.items():
                    at = {axis: task[axis] for axis in (*SETTING, "truth")}
                    archive.put(scores, {**at, "filter": name}, values)
                if output is not None:
                    write_netcdf(scores, output)
                bar.update(n * bench.n_times - bar.n)
    wanted = {axis: list(values) for axis, values in over.items()}
    return scores.sel({**wanted, "rank": np.arange(max(over["members"]) + 1)})


def run(
    benchmark: Benchmark,
    filters: Mapping[str, Chosen],
    truth: int,
    weights: Path | None = None,
    on_cycle: Callable[[], object] = lambda: None,
    **setting: Any,
) -> dict[str, dict[str, Any]]:
    """Run filters on one truth; by filter, ``archive.SCORES`` (time,) and ``rank_histogram``."""
    benchmark.weights = weights  # pickling by name loses this attribute
    experiment = _experiment(benchmark, filters, truth, **setting)
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in filters}
    ranks: dict[str, list[np.ndarray]] = {name: [] for name in filters}
    for cycle in experiment:
        for name, result in cycle.filters.items():
            scores[name].append(cycle_scores(benchmark, cycle, name, experiment.true_parameters))
            ranks[name].append(rank_histogram(benchmark, result.estimate.ensemble, cycle.truth))
        on_cycle()
    return {
        name: {
            **{score: np.array([at[score] for at in scores[name]]) for score in archive.SCORES},
            "rank_histogram": np.mean(ranks[name], axis=0),
            "device": machine_name(experiment.device),
        }
        for name in filters
    }


def _experiment(
    benchmark: Benchmark,
    filters: Mapping[str, Chosen],
    truth: int,
    *,
    sensors: int,
    layout: str,
    variables: str,
    seed: int,
    device: str,
    split: str,
    model_error: str,
    **arguments: Any,
) -> TwinExperiment:
    latent = any(one.latent for one in filters.values())
    return TwinExperiment(
        benchmark,
        filters,
        SensorNetwork.place(benchmark, sensors, layout, seed + truth),
        variables=None if variables == archive.ALL else variables.split("+"),
        seed=seed + truth,
        device=device,
        truth=benchmark.split(split).isel(trajectory=truth),
        truth_benchmark=benchmark.with_error(model_error),
        model=_model(benchmark, resolve_device(device)) if latent else None,
        **arguments,
    )


@lru_cache(maxsize=1)
def _model(benchmark: Benchmark, device: torch.device) -> LatentModel:
    """The model, loaded once in a process."""
    return load_pretrained(benchmark, device)


def _several(name: str, values: Any) -> list:
    """One value or several, as a list."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [values]
    found = list(values)
    if not found or any(found.count(value) > 1 for value in found):
        raise ValueError(f"{name} {found}: one or more values, each once, are needed")
    return found


def _measured(benchmark: Benchmark, variables: object) -> str:
    """The label of a choice of variables: the same one, in whatever order they are named."""
    names = [v.name for v in benchmark.variables]
    chosen = variables.split("+") if isinstance(variables, str) else []
    if variables == archive.ALL or set(chosen) == set(names):
        return archive.ALL
    if not chosen or not set(chosen) < set(names):
        raise ValueError(
            f"variables {variables!r}: allowed are {archive.ALL}, or names of {', '.join(names)}, "
            "joined by +"
        )
    return "+".join(name for name in names if name in chosen)


def _weights(benchmark: Benchmark) -> str:
    """Identifies trained weights, by the hashes in their card."""
    card = weights_folder(benchmark) / "card.json"
    return hashlib.sha256(card.read_bytes()).hexdigest()[:12] if card.exists() else "none"
