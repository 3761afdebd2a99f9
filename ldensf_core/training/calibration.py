"""Calibration of the latent filter on validation truths.

Two numbers are chosen by the continuous ranked probability score of the decoded fields, summed
over settings that span what a user can ask for: the inflation of the encoder's standard
deviation, since its successive outputs share their observations, and the process noise of the
latent ensemble, which stands for the surrogate's own error.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from ldensf_core.filters.ldensf import LDEnSF
from ldensf_core.model import LatentModel
from ldensf_core.observations import SensorNetwork
from ldensf_core.verification.scores import crps

INFLATION = (0.7, 1.0, 1.5)
PROCESS_NOISE = (0.006, 0.01, 0.015, 0.02, 0.03)
SETTINGS = (
    ("grid", 100, 0.1, 1),
    ("random", 100, 0.1, 1),
    ("grid", 25, 0.1, 1),
    ("grid", 100, 0.3, 1),
    ("grid", 100, 0.1, 2),
)
"""Layout, sensors, noise and interval of observation."""
MEMBERS = 20
STRIDE = 5
"""Every so many cycles the fields are decoded and scored."""


def calibrate(model: LatentModel, truths: int, seed: int) -> dict[str, float]:
    """The best ``inflation`` and ``process_noise`` of those tried, with their score ``crps``.

    The score of each setting is taken relative to the best that any pair reaches there, so
    that no setting dominates.
    """
    bench = model.benchmark
    parameters = bench.parameter_array(bench.split("validation").isel(trajectory=slice(truths)))
    physical = torch.as_tensor(parameters, dtype=torch.float32, device=model.device)
    fields = bench.trajectories(physical)
    pairs = list(itertools.product(INFLATION, PROCESS_NOISE))
    scores = np.zeros((len(SETTINGS), len(pairs)))
    tasks = list(itertools.product(enumerate(SETTINGS), enumerate(pairs)))
    for (i, setting), (j, pair) in tqdm(tasks, desc="calibration", unit="run"):
        card = {"calibration": dict(zip(("inflation", "process_noise"), pair, strict=True))}
        filter_ = LDEnSF(replace(model, card=card))
        for t, truth in enumerate(fields):
            scores[i, j] += _score(filter_, truth, setting, seed + t) / truths
    best = int(np.argmin((scores / scores.min(axis=1, keepdims=True)).mean(axis=0)))
    inflation, process_noise = pairs[best]
    return {
        "inflation": inflation,
        "process_noise": process_noise,
        "crps": float(scores[:, best].mean()),
        "truths": truths,
    }


def _score(
    filter_: LDEnSF, truth: torch.Tensor, setting: tuple[str, int, float, int], seed: int
) -> float:
    """Mean CRPS of one run over one truth (T, V, ny, nx)."""
    layout, n, noise, every = setting
    bench = filter_.model.benchmark
    sensors = SensorNetwork.place(bench, n, layout, seed)
    filter_.reset(MEMBERS, seed)
    scores = []
    for index, fields in enumerate(truth):
        if index:
            filter_.forecast()
        if index % every == 0:
            filter_.analyse(sensors.observe(fields, index, noise, 0.0, seed))
        if index % STRIDE == 0:
            scores.append(crps(bench, filter_.estimate().ensemble, fields))
    return float(np.mean(scores))
