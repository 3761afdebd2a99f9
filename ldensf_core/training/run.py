"""The whole training: surrogate, encoder, calibration and card."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.device import environment
from ldensf_core.files import check_folder
from ldensf_core.training.calibration import calibrate
from ldensf_core.training.encoder import train_encoder
from ldensf_core.training.recipes import Recipe
from ldensf_core.training.surrogate import train_surrogate
from ldensf_core.training.vae import train_vae
from ldensf_core.verification.baselines import (
    DEFINITION,
    baseline_errors,
    measured_error,
    surrogate_error,
)
from ldensf_core.verification.reconstruction import reconstruction_error
from ldensf_core.weights.card import described, read_card, save_card
from ldensf_core.weights.checkpoints import (
    VAE,
    load_pretrained,
    load_surrogate,
    round_as_stored,
    save_part,
    save_weights,
)

PARTS = ("all", "encoder", "calibration", VAE)
"""Parts to train. ``encoder`` includes the calibration. The coupled autoencoder does not depend on
the others and is trained separately."""


def train(
    benchmark: Benchmark | str,
    recipe: Recipe,
    folder: Path,
    seed: int,
    device: torch.device,
    part: str = "all",
) -> dict[str, Any]:
    """Train for a benchmark, object or name; write weights and card to ``folder``.

    After an interruption, call it again with the same arguments: it resumes from the checkpoints
    in ``folder``. A GPU's matrix products use TF32, half of the mantissa, which has no measurable
    effect on the surrogate's error.

    Args:
        part: one of ``PARTS``; the others are read from ``folder``.

    Returns:
        The card.
    """
    if not isinstance(benchmark, Benchmark):
        benchmark = get_benchmark(benchmark)
    name = benchmark.name
    if part == "all":  # otherwise weights exist
        folder.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        check_folder(folder)
    if part == VAE:
        return _train_vae(benchmark, recipe, folder, seed, device)
    if part == "all":
        with clocked(device) as spent:
            ldnet = train_surrogate(benchmark, recipe, seed, device, folder)
        round_as_stored(ldnet)
        error = measured_error(benchmark, ldnet, "validation", device, recipe.scored_runs)
        card = {
            "benchmark": benchmark.name,
            "training": {
                "command": f"ldensf train {name} --seed {seed}",
                "environment": environment(),
                "surrogate": spent,
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
    else:
        card = read_card(folder)
        ldnet, error = load_surrogate(benchmark, device, folder)
    if part != "calibration":
        with clocked(device) as spent:
            encoder = train_encoder(benchmark, recipe, ldnet, seed, device, folder)
        card["training"]["encoder"] = spent
        card["architecture"] = described(recipe.architecture)
        card["training"]["recipe"] = {
            k: list(v) if isinstance(v, tuple) else v  # as JSON returns them
            for k, v in asdict(recipe).items()
            if k != "architecture" and not k.startswith(VAE)
        }
        card["files"] = card.get("files", {}) | save_weights(folder, ldnet, encoder, error)
        card["calibration"] = {"inflation": 1.0, "process_noise": 0.0}
        save_card(folder, card)
    card["calibration"] = calibrate(load_pretrained(benchmark, device, folder), recipe, seed)
    save_card(folder, card)
    return card


def _train_vae(
    benchmark: Benchmark, recipe: Recipe, folder: Path, seed: int, device: torch.device
) -> dict[str, Any]:
    """Train the coupled autoencoder and add it to the card in ``folder``."""
    card = read_card(folder)
    with clocked(device) as spent:
        vae = train_vae(benchmark, recipe, seed, device, folder)
    round_as_stored(vae)
    card["files"] |= save_part(folder, VAE, vae)
    card[VAE] = {
        "command": f"ldensf train {benchmark.name} --part {VAE} --seed {seed}",
        "architecture": described(recipe.vae_architecture),
        "steps": recipe.vae_steps,
        "batch": recipe.vae_batch,
        **spent,
        "error": {
            "definition": DEFINITION,
            "validation": reconstruction_error(
                benchmark, vae, "validation", device, recipe.scored_runs
            ),
        },
        "environment": environment(),
    }
    save_card(folder, card)
    return card


@contextmanager
def clocked(device: torch.device) -> Iterator[dict[str, float | None]]:
    """Train in reduced precision and measure time and memory; filled in at the end.

    Yields:
        ``seconds``, and ``peak_gpu_gib``: most GPU memory held by the process, GiB.
    """
    spent: dict[str, float | None] = {}
    start = time.perf_counter()
    torch.set_float32_matmul_precision("high")
    try:
        yield spent
    finally:
        torch.set_float32_matmul_precision("highest")
    spent["seconds"] = round(time.perf_counter() - start, 1)
    spent["peak_gpu_gib"] = peak_gpu_gib(device)


def peak_gpu_gib(device: torch.device) -> float | None:
    """Peak GPU memory of this process, GiB; None on a CPU."""
    if device.type != "cuda":
        return None
    return round(torch.cuda.max_memory_reserved(device) / 2**30, 1)
