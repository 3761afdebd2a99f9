"""Calibration of the latent filter on validation truths.

Two numbers are chosen by the continuous ranked probability score of the decoded fields, summed
over settings that span what a user can ask for: the inflation of the encoder's standard deviation,
since its successive outputs share their observations, and the process noise of the latent
ensemble, which stands for what the latent dynamics get wrong.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark
from ldensf_core.filters.ldensf import LDEnSF
from ldensf_core.model import LatentModel
from ldensf_core.observations import SensorNetwork
from ldensf_core.training.recipes import Recipe
from ldensf_core.verification.scores import crps


class Setting(NamedTuple):
    """How a truth is observed; ``coarser`` divides both sides of the benchmark's grid."""

    layout: str = "grid"
    coarser: int = 1
    noise: float = 0.1
    every: int = 1

    def network(self, benchmark: Benchmark, seed: int) -> SensorNetwork:
        """The benchmark's own grid, or a coarser one, or as many sensors at random."""
        nx, ny = (side // self.coarser for side in benchmark.sensor_grid)
        if self.layout == "random":
            return SensorNetwork.random(benchmark, nx * ny, seed)
        return SensorNetwork.grid(benchmark, nx, ny)


SETTINGS = (
    Setting(),
    Setting(layout="random"),
    Setting(coarser=2),
    Setting(noise=0.3),
    Setting(every=2),
)
MEMBERS = 20
STRIDE = 5
"""Every so many cycles the fields are decoded and scored."""


def calibrate(model: LatentModel, recipe: Recipe, seed: int) -> dict[str, Any]:
    """The best ``inflation`` and ``process_noise`` that the recipe tries, with their score.

    The score of each setting is taken relative to the best that any pair reaches there, so
    that no setting dominates.
    """
    bench, truths = model.benchmark, recipe.calibration_truths
    parameters = bench.parameter_array(bench.split("validation").isel(trajectory=slice(truths)))
    physical = torch.as_tensor(parameters, dtype=torch.float32, device=model.device)
    fields = bench.trajectories(physical)
    tried = [
        {"inflation": inflation, "process_noise": noise}
        for inflation, noise in itertools.product(recipe.inflation, recipe.process_noise)
    ]
    scores = np.zeros((len(SETTINGS), len(tried)))
    tasks = list(itertools.product(enumerate(SETTINGS), enumerate(tried)))
    for (i, setting), (j, calibration) in tqdm(tasks, desc="calibration", unit="run"):
        filter_ = LDEnSF(replace(model, card={"calibration": calibration}))
        for t, truth in enumerate(fields):
            scores[i, j] += _score(filter_, truth, setting, seed + t) / truths
    best = int(np.argmin((scores / scores.min(axis=1, keepdims=True)).mean(axis=0)))
    return tried[best] | {"crps": float(scores[:, best].mean()), "truths": truths}


def _score(filter_: LDEnSF, truth: torch.Tensor, setting: Setting, seed: int) -> float:
    """Mean CRPS of one run over one truth (T, V, ny, nx)."""
    bench = filter_.model.benchmark
    sensors = setting.network(bench, seed)
    filter_.reset(MEMBERS, seed)
    scores = []
    for index, fields in enumerate(truth):
        if index:
            filter_.forecast()
        if index % setting.every == 0:
            filter_.analyse(sensors.observe(fields, index, setting.noise, 0.0, seed))
        if index % STRIDE == 0:
            scores.append(crps(bench, filter_.estimate().ensemble, fields))
    return float(np.mean(scores))
