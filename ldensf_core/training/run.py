"""From nothing to shipped weights: surrogate, encoder, calibration, and the card."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.checkpoints import (
    load_pretrained,
    read_card,
    round_as_stored,
    save_card,
    save_weights,
)
from ldensf_core.surrogate import LDNet
from ldensf_core.training.calibration import calibrate
from ldensf_core.training.encoder import train_encoder
from ldensf_core.training.recipes import Recipe
from ldensf_core.training.surrogate import train_surrogate
from ldensf_core.verification.table import environment

PARTS = ("all", "calibration")


def train(
    name: str, recipe: Recipe, folder: Path, seed: int, device: torch.device, part: str = "all"
) -> dict[str, Any]:
    """Train the benchmark called ``name``; writes weights and card to ``folder``.

    Interrupted, it goes on from the checkpoints in ``folder`` when called again with the same
    arguments. Half the mantissa is spent on a GPU's matrix products (TF32), which costs the
    surrogate nothing that can be measured.

    Args:
        part: ``all``, or ``calibration`` for the weights that ``folder`` already holds.

    Returns:
        The card.
    """
    benchmark = get_benchmark(name)
    folder.mkdir(parents=True, exist_ok=True)
    if part == "calibration":
        card = read_card(folder)
    else:
        torch.set_float32_matmul_precision("high")
        start = time.perf_counter()
        ldnet = train_surrogate(benchmark, recipe, seed, device, folder)
        round_as_stored(ldnet)
        encoder = train_encoder(benchmark, recipe, ldnet, seed, device, folder)
        torch.set_float32_matmul_precision("highest")
        card = {
            "benchmark": name,
            "architecture": asdict(recipe.architecture),
            "files": save_weights(folder, ldnet, encoder),
            "calibration": {"inflation": 1.0, "process_noise": 0.0},
            "training": {
                "command": f"ldensf train {name} --seed {seed}",
                "recipe": {k: v for k, v in asdict(recipe).items() if k != "architecture"},
                "seconds": round(time.perf_counter() - start),
                "environment": environment(),
            },
        }
        save_card(folder, card)
    model = load_pretrained(name, device, folder)
    card["calibration"] = calibrate(model, recipe.calibration_truths, seed)
    card["surrogate_error"] = {
        "definition": "relative RMSE of normalised fields, averaged over snapshots and runs",
        **{
            split: surrogate_error(benchmark, model.ldnet, split, device)
            for split in ("validation", "test")
        },
        "test, nearest training run": nearest_run_error(benchmark, device),
    }
    save_card(folder, card)
    return card


@torch.inference_mode()
def surrogate_error(benchmark: Benchmark, ldnet: LDNet, split: str, device: torch.device) -> float:
    """Relative RMSE of the surrogate alone on the trajectories of a split."""
    parameters, truths = split_trajectories(benchmark, split, device)
    states = ldnet.rollout(benchmark.unit_parameters(parameters), benchmark.n_times)
    errors = [_relative(ldnet.decode(s), t) for s, t in zip(states, truths, strict=True)]
    return float(torch.stack(errors).mean())


def nearest_run_error(benchmark: Benchmark, device: torch.device) -> float:
    """The same for a look-up of the training run with the nearest parameters."""
    known, runs = split_trajectories(benchmark, "train", device)
    asked, truths = split_trajectories(benchmark, "test", device)
    distance = torch.cdist(benchmark.unit_parameters(asked), benchmark.unit_parameters(known))
    nearest = distance.argmin(dim=1)
    errors = [_relative(runs[i], truth) for i, truth in zip(nearest, truths, strict=True)]
    return float(torch.stack(errors).mean())


def split_trajectories(
    benchmark: Benchmark, split: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Physical parameters (B, P) and normalised fields (B, T, V, ny, nx) of a split."""
    values = benchmark.parameter_array(benchmark.split(split))
    parameters = torch.as_tensor(values, dtype=torch.float32, device=device)
    return parameters, benchmark.normalise(benchmark.trajectories(parameters))


def _relative(fields: Tensor, truth: Tensor) -> Tensor:
    """‖fields − truth‖/‖truth‖ at each snapshot of one run, averaged: a scalar."""
    return ((fields - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)).mean()
