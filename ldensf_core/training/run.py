"""From nothing to shipped weights: surrogate, encoder, calibration, and the card."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ldensf_core.benchmarks import get_benchmark
from ldensf_core.checkpoints import (
    load_pretrained,
    read_card,
    round_as_stored,
    save_card,
    save_weights,
)
from ldensf_core.training.calibration import calibrate
from ldensf_core.training.encoder import train_encoder
from ldensf_core.training.recipes import Recipe
from ldensf_core.training.surrogate import train_surrogate
from ldensf_core.verification.baselines import (
    DEFINITION,
    baseline_errors,
    measured_error,
    surrogate_error,
)
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
        surrogate_seconds = time.perf_counter() - start
        round_as_stored(ldnet)
        encoder = train_encoder(benchmark, recipe, ldnet, seed, device, folder)
        torch.set_float32_matmul_precision("highest")
        error = measured_error(benchmark, ldnet, "validation", device, recipe.scored_runs)
        card = {
            "benchmark": name,
            "architecture": asdict(recipe.architecture),
            "files": save_weights(folder, ldnet, encoder, error),
            "calibration": {"inflation": 1.0, "process_noise": 0.0},
            "training": {
                "command": f"ldensf train {name} --seed {seed}",
                "recipe": {
                    k: list(v) if isinstance(v, tuple) else v  # as JSON gives it back
                    for k, v in asdict(recipe).items()
                    if k != "architecture"
                },
                "surrogate_seconds": round(surrogate_seconds),
                "seconds": round(time.perf_counter() - start),
                "peak_gpu_gib": peak_gpu_gib(device),
                "environment": environment(),
            },
            "surrogate_error": {
                "definition": DEFINITION,
                **{
                    split: surrogate_error(benchmark, ldnet, split, device, recipe.scored_runs)
                    for split in ("validation", "test")
                },
                **baseline_errors(benchmark, device, recipe.scored_runs),
            },
        }
        save_card(folder, card)
    card["calibration"] = calibrate(load_pretrained(name, device, folder), recipe, seed)
    save_card(folder, card)
    return card


def peak_gpu_gib(device: torch.device) -> float | None:
    """Most GPU memory that this process has held at once, GiB; None on a CPU."""
    if device.type != "cuda":
        return None
    return round(torch.cuda.max_memory_reserved(device) / 2**30, 1)
