"""Time and memory to make trajectories to train on, and what fresh ones are worth.

    python bench/training_sets.py --benchmark tsunami --share 0.25

simulates trajectories as training does, side by side and in the form in which it keeps them, and
then trains a surrogate on the 120 runs of the published split alone, for a share of the shipped
one's steps. Its errors are printed beside those on the card of the shipped weights, which saw as
many fresh runs as its recipe says; ``--share 0`` leaves this out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

import torch
import typer

from ldensf_core.benchmarks import Atmosphere, Benchmark, Kolmogorov, Tsunami, get_benchmark
from ldensf_core.device import clock, environment, machine_name, resolve_device
from ldensf_core.training.recipes import RECIPES, Recipe, small
from ldensf_core.training.run import peak_gpu_gib
from ldensf_core.training.surrogate import SurrogateTraining
from ldensf_core.verification.baselines import surrogate_error
from ldensf_core.verification.table import as_text
from ldensf_core.weights.card import read_card
from ldensf_core.weights.checkpoints import PRETRAINED

SMALL = {
    "kolmogorov": lambda: Kolmogorov(24),
    "tsunami": lambda: Tsunami(16),
    "atmosphere": lambda: Atmosphere(12),
}


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(SMALL)}.")],
    share: Annotated[
        float, typer.Option(help="Of the shipped surrogate's steps, to train on 120 runs; or 0.")
    ] = 0.25,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    small_run: Annotated[
        bool, typer.Option("--small", help="Tiny networks on a coarse grid: to try it out.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row: the cost of the published split, and the errors after training on it."""
    on = resolve_device(device)
    bench, recipe = get_benchmark(benchmark), RECIPES[benchmark]
    if small_run:
        bench, recipe = SMALL[benchmark](), small(recipe)
    rows = [row(bench, recipe, share, seed, on)]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def row(
    benchmark: Benchmark, recipe: Recipe, share: float, seed: int, device: torch.device
) -> dict[str, Any]:
    """Simulate the published training split, twice, and train on it."""
    runs = benchmark.parameter_array(benchmark.split("train"))[: recipe.scored_runs]
    unit = benchmark.unit_parameters(torch.as_tensor(runs, dtype=torch.float32, device=device))
    recipe = replace(recipe, pool=len(unit), chunk=len(unit), batch=min(recipe.batch, len(unit)))
    torch.set_float32_matmul_precision("high")
    start = clock(device)
    training = SurrogateTraining(benchmark, recipe, seed, device, unit)
    first = clock(device) - start
    training.pool.replace()
    simulated = clock(device) - start - first
    memory = peak_gpu_gib(device)
    errors: dict[str, float | None] = {"validation": None, "test": None}
    steps = [round(share * n) for n in (recipe.joint_steps, recipe.decoder_steps)]
    start = clock(device)
    if share:
        training.joint(steps[0]).run("dynamics and decoder")
        training.decoder(steps[1]).run("decoder")
    seconds = clock(device) - start
    if share:
        torch.set_float32_matmul_precision("highest")
        model = training.model.requires_grad_(False).eval()
        errors = {
            split: surrogate_error(benchmark, model, split, device, recipe.scored_runs)
            for split in errors
        }
    shipped = read_card(PRETRAINED / benchmark.name)["surrogate_error"]
    return {
        "benchmark": benchmark.name,
        "runs": len(unit),
        "first_s": first,
        "simulate_s": simulated,
        "kept_mb": training.pool.data.nbytes / 1e6,
        "peak_gpu_gib": memory,
        "steps": sum(steps),
        "training_s": seconds,
        **errors,
        "shipped_validation": shipped["validation"],
        "shipped_test": shipped["test"],
        "device": machine_name(device),
    }


if __name__ == "__main__":
    typer.run(main)
