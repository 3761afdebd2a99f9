"""Filters verified over settings and truths: in this process, or on a Dask cluster.

A run is one truth in one setting, followed by all filters, which share truth and observations. It
is what a worker is given, and what is recomputed after an interruption.
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

SETTING = ("sensors", "layout", "noise", "every", "members")


def verify(
    benchmark: str | Benchmark,
    filters: Wanted | Sequence[Wanted] | Mapping[str, Any],
    truths: int = 10,
    sensors: int | Sequence[int] | None = None,
    layout: str | Sequence[str] = "grid",
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
) -> xr.Dataset:
    """Scores of filters on the first ``truths`` trajectories of a split, by time: see ``archive``.

    All combinations of ``sensors``, ``layout``, ``noise``, ``every`` and ``members`` are run, of
    which each may be one value or several. Without a number of ``sensors`` there are as many as
    the benchmark has by default. Truth number i is observed with noise, and followed by ensembles,
    of seed ``seed + i``; so is its random layout.

    Args:
        benchmark, filters, options: as of ``TwinExperiment``. A row's filter is its label.
        output: file for the scores, written after every run. Runs that it holds are not run again,
            and others than those asked for stay in it.
        workers: processes of a local cluster, each with one thread; none runs all in this
            process, None does so on a GPU and for a single run, and else starts one for each core.
            Processes import the script that asks for them: it does so under ``if __name__ ==
            "__main__"``. On a CPU, where sums depend on the number of threads, this process gives
            the bits of a cluster if torch is set to one thread.
        scheduler: address of a Dask scheduler whose workers are to run them instead; they need
            the same version of this project and its weights.

    Returns:
        What was asked for.

    Raises:
        ValueError: for any argument out of range, naming it and what is allowed, and for an
            ``output`` that holds something else.
        CheckpointError: if a filter needs trained weights that cannot be loaded.
        OSError: if the file cannot be written, the scheduler not be reached, or workers die over
            and over again.
    """
    bench = get_benchmark(benchmark)
    if not is_whole(seed, 0):
        raise ValueError(f"seed = {seed!r}: a whole number of at least 0 is needed")
    available = bench.split(split).sizes["trajectory"]
    if not is_whole(truths, 1) or truths > available:
        raise ValueError(
            f"truths = {truths!r}: a whole number from 1 to {available}, which the {split} split "
            "holds, is needed"
        )
    if workers is not None and not is_whole(workers, 0):
        raise ValueError(f"workers = {workers!r}: 0, for none but this process, or more are needed")
    if scheduler is not None and workers:
        raise ValueError(f"workers = {workers}: the scheduler has workers of its own")
    if sensors is None:
        sensors = math.prod(bench.sensor_grid)
    labelled = chosen(filters, options, has_weights(bench))
    over: dict[str, Sequence] = {
        "filter": list(labelled),
        "sensors": _several("sensors", sensors),
        "layout": _several("layout", layout),
        "noise": _several("noise", noise),
        "every": _several("every", every),
        "members": _several("members", members),
        "truth": range(truths),
    }
    settings = [
        dict(zip(SETTING, values, strict=True))
        for values in itertools.product(*(over[axis] for axis in SETTING))
    ]
    common = {"seed": seed, "missing": missing, "split": split}
    for setting in settings:  # whatever cannot be run is refused before anything runs
        _experiment(bench, labelled, 0, device=device, **setting, **common)
    of_filters = {label: one.settings(bench) for label, one in labelled.items()}
    fixed = {
        "benchmark": bench.name,
        **common,
        "options": json.dumps(of_filters, sort_keys=True, default=float),  # numbers of numpy's
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
    """Follow one truth: by filter, each of ``archive.SCORES`` (time,), and ``rank_histogram``."""
    benchmark.weights = weights  # which does not travel to a worker with the benchmark's name
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
    seed: int,
    device: str,
    split: str,
    **arguments: Any,
) -> TwinExperiment:
    latent = any(one.latent for one in filters.values())
    return TwinExperiment(
        benchmark,
        filters,
        SensorNetwork.place(benchmark, sensors, layout, seed + truth),
        seed=seed + truth,
        device=device,
        truth=benchmark.split(split).isel(trajectory=truth),
        model=_model(benchmark, resolve_device(device)) if latent else None,
        **arguments,
    )


@lru_cache(maxsize=1)
def _model(benchmark: Benchmark, device: torch.device) -> LatentModel:
    """A process loads it once, not with every run."""
    return load_pretrained(benchmark, device)


def _several(name: str, values: Any) -> list:
    """One value or several, as a list."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [values]
    found = list(values)
    if not found or any(found.count(value) > 1 for value in found):
        raise ValueError(f"{name} {found}: one or more values, each once, are needed")
    return found


def _weights(benchmark: Benchmark) -> str:
    """What tells trained weights from others: they come with a card that names their hashes."""
    card = weights_folder(benchmark) / "card.json"
    return hashlib.sha256(card.read_bytes()).hexdigest()[:12] if card.exists() else "none"
