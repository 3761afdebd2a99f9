"""Errors of the shipped surrogates beside what they have to beat, and the published ones.

    python bench/surrogates.py --benchmark tsunami

simulates the published split afresh. All are relative RMSE of normalised fields on the test runs,
averaged over snapshots and runs; baselines are made from the training runs (see
``ldensf_core.verification.baselines``). The last columns tell how far noise in the latent states,
in units of their training standard deviation, throws the decoded fields off.

On one core, this takes 3 minutes for the tsunami, half an hour for the Kolmogorov flow and an hour
for the atmosphere; seconds to minutes on a GPU.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import torch
import typer
from tqdm import tqdm

from ldensf_core.benchmarks import list_benchmarks
from ldensf_core.device import environment, machine_name, resolve_device
from ldensf_core.verification.baselines import baseline_errors, surrogate_error
from ldensf_core.verification.table import as_text
from ldensf_core.weights.checkpoints import load_pretrained
from ldensf_core.weights.model import LatentModel

PUBLISHED = {"kolmogorov": 0.0123, "tsunami": 0.0168, "atmosphere": 0.0656}
"""Xiao, Si and Chen (ICLR 2026)."""
NOISE = (0.003, 0.01, 0.03, 0.1)
EVERY = 10
"""Snapshots, of those that noise is tried on."""


def main(
    benchmark: Annotated[str, typer.Option(help=f"all, {', '.join(list_benchmarks())}.")] = "all",
    runs: Annotated[
        int | None, typer.Option(help="Of each split, to try it out (by default: all).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a benchmark."""
    names = list_benchmarks() if benchmark == "all" else [benchmark]
    on = resolve_device(device)
    rows = [row(name, runs, on) for name in tqdm(names, unit="benchmark")]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def row(name: str, runs: int | None, device: torch.device) -> dict[str, Any]:
    """Errors on one benchmark's test runs."""
    model = load_pretrained(name, device)
    return {
        "benchmark": name,
        "surrogate": surrogate_error(model.benchmark, model.ldnet, "test", device, runs),
        "published": PUBLISHED[name],
        **baseline_errors(model.benchmark, device, runs),
        **{f"noise {sigma:g}": thrown_off(model, sigma, runs) for sigma in NOISE},
        "device": machine_name(device),
    }


@torch.inference_mode()
def thrown_off(model: LatentModel, sigma: float, runs: int | None) -> float:
    """Root mean square of the fields' change by noise of ``sigma``, relative to the fields."""
    bench, ldnet = model.benchmark, model.ldnet
    parameters = bench.parameter_array(bench.split("test"))[:runs]
    physical = torch.as_tensor(parameters, dtype=torch.float32, device=model.device)
    states = ldnet.rollout(bench.unit_parameters(physical), bench.n_times)[:, ::EVERY]
    generator = torch.Generator(model.device).manual_seed(0)
    changed, total = 0.0, 0.0
    for latent in states:
        noise = torch.randn(latent.shape, generator=generator, device=model.device)
        fields = ldnet.decode(latent)
        off = ldnet.decode(latent + sigma * model.encoder.std[: ldnet.n_latent] * noise) - fields
        area = bench.domain.areas(fields)
        changed += float((area * off.square()).mean())
        total += float((area * fields.square()).mean())
    return math.sqrt(changed / total)


if __name__ == "__main__":
    typer.run(main)
