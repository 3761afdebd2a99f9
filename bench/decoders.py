"""The published decoder of coordinates beside the shipped spectral one, for equal training time.

    python bench/decoders.py --benchmark tsunami --seconds 260

trains a surrogate with networks of the published sizes for that time, on fresh trajectories and
with the optimisers of the shipped one. Interrupted, it goes on from the checkpoints in its folder
when called again with the same arguments.

Errors are the relative RMSE of normalised fields, averaged over snapshots and runs, which the
card of the shipped weights tells too. Decoding is that of the mean and spread of 100 members, in
full single precision; on a CPU the coordinates are timed on two members, for their cost is in
proportion to the members.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer

from ldensf_core.benchmarks import Atmosphere, Benchmark, Kolmogorov, Tsunami, get_benchmark
from ldensf_core.device import clock, environment, machine_name, resolve_device, wait
from ldensf_core.surrogate import LDNet
from ldensf_core.training.recipes import RECIPES, Recipe, published, small
from ldensf_core.training.surrogate import SurrogateTraining
from ldensf_core.verification.baselines import surrogate_error
from ldensf_core.verification.table import as_text
from ldensf_core.weights.architecture import DynamicsSizes
from ldensf_core.weights.checkpoints import load_pretrained

STAGES = ("joint", "decoder")
SPLITS = ("validation", "test")
TRIAL = 150  # steps of either stage, to see how long they take
MEMBERS = 100
REPEATS = 3
SMALL = {
    "kolmogorov": lambda: Kolmogorov(24),
    "tsunami": lambda: Tsunami(16),
    "atmosphere": lambda: Atmosphere(12),
}


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(SMALL)}.")],
    seconds: Annotated[float, typer.Option(help="Training time of both stages together.")],
    joint_share: Annotated[
        float, typer.Option(help="Share of it for dynamics and decoder together.")
    ] = 0.2,
    folder: Annotated[
        Path | None, typer.Option(help="Of the checkpoints (runs/decoders/NAME).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    small_run: Annotated[
        bool, typer.Option("--small", help="Tiny networks on a coarse grid: to try it out.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Train the published surrogate for a given time and print its row above the shipped one's."""
    on = resolve_device(device)
    shipped = shipped_row(benchmark, on)
    bench, recipe = get_benchmark(benchmark), published(benchmark)
    if small_run:
        bench, recipe = miniature(benchmark)
    folder = folder or Path("runs") / "decoders" / benchmark
    trial = 5 if small_run else TRIAL
    rows = [coordinate_row(bench, recipe, seconds, joint_share, folder, seed, on, trial), shipped]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def miniature(name: str) -> tuple[Benchmark, Recipe]:
    """A coarse benchmark and tiny networks for it."""
    architecture = published(name).architecture
    sizes = replace(architecture.sizes, width=24, layers=3, features=6)
    architecture = replace(architecture, sizes=sizes, dynamics=DynamicsSizes(width=16, layers=3))
    return SMALL[name](), replace(small(RECIPES[name]), architecture=architecture)


def coordinate_row(
    benchmark: Benchmark,
    recipe: Recipe,
    seconds: float,
    joint_share: float,
    folder: Path,
    seed: int,
    device: torch.device,
    trial: int,
) -> dict[str, Any]:
    """Train with checkpoints in ``folder``, then measure."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"seconds": seconds, "joint_share": joint_share}
    plan_file = folder / "plan.json"
    plan = json.loads(plan_file.read_text()) if plan_file.exists() else None
    if plan and {key: plan[key] for key in asked} != asked:
        raise ValueError(f"{folder} holds a training for other arguments: {plan_file}")
    torch.set_float32_matmul_precision("high")
    training = SurrogateTraining(benchmark, recipe, seed, device)
    if not plan:
        joint, decoder = (seconds_a_step(training, stage, trial) for stage in STAGES)
        steps = [joint_share * seconds / joint, (1 - joint_share) * seconds / decoder]
        plan = asked | {"steps": [max(1, round(n)) for n in steps], "spent": [0.0, 0.0]}
        plan_file.write_text(json.dumps(plan))
    for i, stage in enumerate(STAGES):
        trainer = getattr(training, stage)(plan["steps"][i], folder / f"{stage}.checkpoint")
        if left := trainer.steps - trainer.step:
            start = time.perf_counter()
            trainer.run(stage, training.refresh)
            # Of all its steps, at the pace of those that were left.
            plan["spent"][i] = (time.perf_counter() - start) * trainer.steps / left
            plan_file.write_text(json.dumps(plan))
        del trainer  # its graph holds memory
    model = training.model.requires_grad_(False).eval()
    del training  # and so does the pool
    members = MEMBERS if device.type == "cuda" else 2
    torch.set_float32_matmul_precision("highest")
    return {
        "benchmark": benchmark.name,
        "decoder": "coordinates",
        "parameters": sum(p.numel() for p in model.parameters()),
        "joint_steps": plan["steps"][0],
        "decoder_steps": plan["steps"][1],
        "seconds": round(sum(plan["spent"]), 1),
        **{
            split: surrogate_error(benchmark, model, split, device, recipe.scored_runs)
            for split in SPLITS
        },
        "decode_ms": decode_ms(benchmark, model, members, device) * MEMBERS / members,
        "timed_members": members,
        "device": machine_name(device),
    }


def shipped_row(name: str, device: torch.device) -> dict[str, Any]:
    """What the card of the shipped weights says, None where it does not, and a timing."""
    model = load_pretrained(name, device)
    training = model.card["training"]
    recipe = training["recipe"]
    errors = model.card.get("surrogate_error", {})
    return {
        "benchmark": name,
        "decoder": "spectral, as shipped",
        "parameters": sum(p.numel() for p in model.ldnet.parameters()),
        "joint_steps": recipe["joint_steps"],
        "decoder_steps": recipe["decoder_steps"],
        "seconds": training["surrogate"]["seconds"],
        **{split: errors.get(split) for split in SPLITS},
        "decode_ms": decode_ms(model.benchmark, model.ldnet, MEMBERS, device),
        "timed_members": MEMBERS,
        "device": machine_name(device),
    }


def seconds_a_step(training: SurrogateTraining, stage: str, trial: int) -> float:
    """Of a stage, its share of the refreshing included; the network is left as it was."""
    start = time.perf_counter()
    training.pool.replace()
    wait(training.latent.device)
    refresh = time.perf_counter() - start
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    trainer = getattr(training, stage)(trial)
    start = time.perf_counter()
    trainer.run(f"timing of {stage}")
    seconds = time.perf_counter() - start
    training.model.load_state_dict(before)
    training.model.requires_grad_(True)
    return seconds / trial + refresh / training.recipe.refresh


@torch.inference_mode()
def decode_ms(benchmark: Benchmark, model: LDNet, members: int, device: torch.device) -> float:
    """Mean and spread of an ensemble from the prior at the last snapshot; median."""
    parameters = benchmark.parameter_array(benchmark.sample_parameters(members, seed=0))
    physical = torch.as_tensor(parameters, dtype=torch.float32, device=device)
    latent = model.rollout(benchmark.unit_parameters(physical), benchmark.n_times)[:, -1]
    times = []
    for _ in range(1 + REPEATS):
        start = clock(device)
        model.decoder.moments(latent)
        times.append(1e3 * (clock(device) - start))
    return median(times[1:])


if __name__ == "__main__":
    typer.run(main)
