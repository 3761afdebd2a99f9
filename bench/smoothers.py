"""The latent smoother beside other ways to fit the unknowns through the decoder.

    python bench/smoothers.py --benchmark tsunami --sensors "random 25" --truths 6

All use the decoder at the sensors as observation operator, and the variance of the sensors' noise
and the surrogate's error that the smoother uses. Except for the smoother, each is a pure function
(``rivals``) of all data so far and of members of the prior. Truths are fresh draws of the prior,
run with the solver; random networks differ between truths. Scores are taken after the fifth
snapshot and after the last.

Printed for both times: ``error``, the relative RMSE of the mean field over that of the surrogate at
the true parameters; ``spread``, spread over error of the parameters, of the runs that are not lost;
``lost``, the share of runs in which no member is within ``LOST`` of the true parameters: all are in
wrong modes, or, of few data, spread over what the data leave open. ``ms`` is the CPU time of a
cycle, the mean over a run: batch methods, which need the history, fit it anew in every cycle.
"""

from __future__ import annotations

import json
import math
import time
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from tqdm import tqdm

from ldensf_core import list_benchmarks, load_pretrained
from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import environment, machine_name
from ldensf_core.filters.latent_smoother import LatentSmoother
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.scores import relative_rmse, spread_skill
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel
from rivals.data import through_decoder
from rivals.methods import RIVALS, Rival

TRUTHS, NOISE, EARLY = 4711, 0.1, 5
"""Seed of the true parameters, noise, and the number of snapshots of the early score."""
LOST = 0.1
"""Largest distance of the nearest member in unit parameters, of a prior of width 2."""
SENSORS = ("grid 100", "random 25", "random 4", "random 1", "cluster 25")
SHIPPED = LatentSmoother.name


class Run(NamedTuple):
    """One estimate: field error and its floor, and the members' unit parameters (M, P)."""

    error: float
    floor: float
    members: Tensor
    truth: Tensor


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    sensors: Annotated[str, typer.Option(help=f"With commas: {', '.join(SENSORS)}.")] = (
        ",".join(SENSORS)
    ),
    methods: Annotated[str, typer.Option(help="With semicolons; by default all.")] = (
        ";".join([SHIPPED, *RIVALS])
    ),
    truths: Annotated[int, typer.Option(help="Fresh trajectories.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a network and method; on the CPU, in one thread."""
    torch.set_num_threads(1)
    model = load_pretrained(benchmark, "cpu")
    fields, unit = trajectories(model.benchmark, truths)
    cases = [(s, m) for s in sensors.split(",") for m in methods.split(";")]
    rows = [row(model, fields, unit, *case) for case in tqdm(cases, unit="row")]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


@torch.inference_mode()
def trajectories(benchmark: Benchmark, truths: int) -> tuple[Tensor, Tensor]:
    """Fields (B, T, V, ny, nx), physical units, and unit parameters (B, P)."""
    drawn = benchmark.parameter_array(benchmark.sample_parameters(truths, TRUTHS))
    physical = torch.as_tensor(drawn, dtype=torch.float32)
    return benchmark.trajectories(physical), benchmark.unit_parameters(physical)


@torch.inference_mode()
def row(
    model: LatentModel, fields: Tensor, unit: Tensor, sensors: str, method: str
) -> dict[str, Any]:
    """One network and method over all truths: fields (B, T, V, ny, nx), unit (B, P)."""
    estimate = shipped if method == SHIPPED else partial(fitted, RIVALS[method])
    times = min(EARLY, model.benchmark.n_times), model.benchmark.n_times
    runs: tuple[list[Run], list[Run]] = [], []
    spent = []
    for number, (truth, parameters) in enumerate(zip(fields, unit, strict=True)):
        network = placed(model.benchmark, sensors, number)
        observations = [
            network.observe(field, index, NOISE, 0.0, number) for index, field in enumerate(truth)
        ]
        states, ms = estimate(model, observations, times, number)
        spent.append(ms)
        for at, (latent, members), found in zip(times, states, runs, strict=True):
            exact = model.ldnet.rollout(parameters[None], at)[:, -1]
            floor = _error(model, exact, truth[at - 1])
            error = _error(model, latent, truth[at - 1])
            found.append(Run(error, floor, members, parameters))
    return {
        "benchmark": model.benchmark.name,
        "sensors": sensors,
        "method": method,
        "history": "no" if method == SHIPPED or not RIVALS[method].history else "yes",
        **_summary(runs[0], "_early"),
        **_summary(runs[1], "_end"),
        "ms": float(np.mean(spent)),
        "truths": len(unit),
        "device": machine_name(model.device),
    }


def placed(benchmark: Benchmark, sensors: str, seed: int) -> SensorNetwork:
    """A network by its name in ``SENSORS``: the kind and the number of sensors."""
    kind, number = sensors.split()
    n = int(number)
    if kind != "cluster":
        return SensorNetwork.place(benchmark, n, kind, seed)
    # A square of a tenth of each side, wholly inside.
    rng = np.random.default_rng(seed)
    fractions = 0.9 * rng.random(2) + 0.1 * rng.random((n, 2))
    axes = benchmark.x, benchmark.y
    low, high = np.array([a.low for a in axes]), np.array([a.high for a in axes])
    return SensorNetwork.at(benchmark, low + fractions * (high - low))


def shipped(
    model: LatentModel, observations: list[Observation], times: tuple[int, ...], seed: int
) -> tuple[list[tuple[Tensor, Tensor]], float]:
    """The shipped smoother with 20 members: latent states and unit parameters, ms a cycle."""
    filter_ = LatentSmoother(model)
    filter_.reset(20, seed)
    states = []
    start = time.process_time()
    for observation in observations:
        if observation.index:
            filter_.cycle(observation)
        else:
            filter_.analyse(observation)
        if observation.index + 1 in times:
            states.append((filter_.latent.clone(), filter_.parameters.clone()))
    ms = 1e3 * (time.process_time() - start) / len(observations)
    return (states * len(times))[: len(times)], ms


def fitted(
    rival: Rival,
    model: LatentModel,
    observations: list[Observation],
    times: tuple[int, ...],
    seed: int,
) -> tuple[list[tuple[Tensor, Tensor]], float]:
    """The same of a rival."""
    generator = torch.Generator().manual_seed(seed)
    prior = 2 * torch.rand(rival.drawn, len(model.benchmark.parameters), generator=generator) - 1
    states, spent = [], []
    for at in times:
        start = time.process_time()
        members = rival.fit(through_decoder(model, observations[:at]), prior, generator)
        spent.append(1e3 * (time.process_time() - start))
        states.append((model.ldnet.rollout(members, at)[:, -1], members))
    # The time of a fit grows in proportion to the data. Without the history, a cycle is a share.
    return states, float(np.mean(spent)) if rival.history else spent[-1] / times[-1]


def _error(model: LatentModel, latent: Tensor, truth: Tensor) -> float:
    mean = model.benchmark.denormalise(model.ldnet.decode(latent).mean(0))
    return relative_rmse(model.benchmark, mean, truth)


def _summary(runs: list[Run], suffix: str) -> dict[str, float]:
    lost = [float((r.members - r.truth).abs().amax(1).min()) > LOST for r in runs]
    kept = [r.members - r.truth for r, gone in zip(runs, lost, strict=True) if not gone]
    spread = math.nan
    if kept:
        square = float(torch.stack([m.mean(0).square() for m in kept]).mean())
        variance = float(torch.stack([m.var(0) for m in kept]).mean())
        spread = spread_skill(variance, square, len(kept[0]))
    return {
        "error" + suffix: sum(r.error for r in runs) / sum(r.floor for r in runs),
        "spread" + suffix: spread,
        "lost" + suffix: float(np.mean(lost)),
    }


if __name__ == "__main__":
    typer.run(main)
