"""Calibration of the latent filter on validation truths.

Two numbers are chosen by the continuous ranked probability score (CRPS) of the decoded fields, in
settings that span what a user can choose. Inflation multiplies the encoder's standard deviation,
because its successive outputs share observations. Process noise of the latent ensemble stands for
the error of the latent dynamics. Near the optimum the score hardly distinguishes pairs whose
spreads differ by half: there the spread decides.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark
from ldensf_core.filters.ldensf import LDEnSF
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import crps, spread_skill
from ldensf_core.training.recipes import Recipe
from ldensf_core.twin.follow import follow
from ldensf_core.twin.twin import Twin
from ldensf_core.weights.model import LatentModel


class Setting(NamedTuple):
    """How a truth is observed; ``coarser`` divides both sides of the benchmark's grid."""

    layout: str = "grid"
    coarser: int = 1
    noise: float = 0.1
    every: int = 1

    def network(self, benchmark: Benchmark, seed: int) -> SensorNetwork:
        """The benchmark's default grid, a coarser one, or the same number of random sensors."""
        nx, ny = (side // self.coarser for side in benchmark.sensor_grid)
        if self.layout == "random":
            return SensorNetwork.random(benchmark, nx * ny, seed)
        return SensorNetwork.grid(benchmark, nx, ny)

    def twin(self, benchmark: Benchmark, run: xr.Dataset, seed: int, device: torch.device) -> Twin:
        """The twin of a run in this setting."""
        sensors = self.network(benchmark, seed)
        return Twin(benchmark, sensors, self.noise, self.every, seed, device, truth_fields=run)


SETTINGS = (
    Setting(),
    Setting(layout="random"),
    Setting(coarser=2),
    Setting(noise=0.3),
    Setting(every=2),
)
MEMBERS = 20
STRIDE = 5
"""Decode and score the fields every this many cycles."""
TIED = 0.02
"""Pairs with scores within this share of the best count as equal."""


def calibrate(model: LatentModel, recipe: Recipe, seed: int) -> dict[str, Any]:
    """The best ``inflation`` and ``process_noise`` of the recipe's choices, with their score.

    The CRPS of each setting is divided by the best of all pairs there, so that no setting
    dominates. Among the pairs within ``TIED`` of the best mean, the one with the spread closest to
    the error is chosen, by the mean absolute logarithm of their ratio.
    """
    bench, truths = model.benchmark, recipe.calibration_truths
    runs = bench.simulate(bench.split("validation").isel(trajectory=slice(truths)), model.device)
    tried = [
        {"inflation": inflation, "process_noise": noise}
        for inflation, noise in itertools.product(recipe.inflation, recipe.process_noise)
    ]
    found = np.zeros((len(SETTINGS), len(tried), 3))  # CRPS, variance, square error
    tasks = list(itertools.product(enumerate(SETTINGS), range(truths)))
    for (i, setting), t in tqdm(tasks, desc="calibration", unit="truth"):
        twin = setting.twin(bench, runs.isel(trajectory=t), seed + t, model.device)
        for j, calibration in enumerate(tried):
            filter_ = LDEnSF(replace(model, card={"calibration": calibration}))
            found[i, j] += np.array(_scores(filter_, twin)) / truths
    score, variance, square_error = found.transpose(2, 0, 1)
    mean = (score / score.min(axis=1, keepdims=True)).mean(axis=0)
    off = np.abs(np.log(np.vectorize(spread_skill)(variance, square_error, MEMBERS))).mean(axis=0)
    best = int(np.argmin(np.where(mean <= mean.min() * (1 + TIED), off, np.inf)))
    return tried[best] | {"crps": float(score[:, best].mean()), "truths": truths}


def _scores(filter_: LDEnSF, twin: Twin) -> tuple[float, float, float]:
    """CRPS, variance and square error of one run, averaged."""
    bench = twin.benchmark
    filter_.reset(MEMBERS, twin.seed)
    scores = []
    for cycle in follow(filter_, twin):
        if cycle.index % STRIDE == 0:
            truth = cycle.truth.to(cycle.estimate.mean)
            std, area = bench.std(truth)[:, None, None], bench.domain.areas(truth)
            variance, error = (
                float((area * (x / std).square()).mean())
                for x in (cycle.estimate.spread, cycle.estimate.mean - truth)
            )
            scores.append((crps(bench, cycle.estimate.ensemble, truth), variance, error))
    return tuple(np.mean(scores, axis=0))
