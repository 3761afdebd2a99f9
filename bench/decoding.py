"""Time of decoding mean and spread on the full grid, by size of the ensemble.

    python bench/decoding.py --benchmark tsunami --members 20,100,1000

Ensembles are those of the latent filter after its first cycles on the first test run, observed
with the benchmark's own sensors: the spread takes longer the more directions an ensemble has.
Medians of repeats, after one that does not count.
"""

from __future__ import annotations

import itertools
import json
from statistics import median
from typing import Annotated, Any

import typer
from tqdm import tqdm

from ldensf_core import TwinExperiment, get_benchmark, list_benchmarks, load_pretrained
from ldensf_core.device import clock, environment, machine_name
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel


def main(
    benchmark: Annotated[str, typer.Option(help=f"all, {', '.join(list_benchmarks())}.")] = "all",
    members: Annotated[str, typer.Option(help="Sizes of the ensemble, with commas.")] = (
        "20,100,1000"
    ),
    cycles: Annotated[int, typer.Option(help="Of the filter, before decoding is timed.")] = 10,
    repeats: Annotated[int, typer.Option(help="Of the decoding.")] = 7,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a benchmark and size of the ensemble."""
    names = list_benchmarks() if benchmark == "all" else [benchmark]
    sizes = [int(size) for size in members.split(",")]
    rows = []
    for name in tqdm(names, unit="benchmark"):
        model = load_pretrained(name, device)
        rows += [row(model, size, cycles, repeats) for size in sizes]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def row(model: LatentModel, members: int, cycles: int, repeats: int) -> dict[str, Any]:
    """Run the filter with so many members for so many cycles, and decode."""
    name, device = model.benchmark.name, model.device
    experiment = TwinExperiment(
        name,
        "ld-ensf",
        members=members,
        device=device,
        model=model,
        truth=get_benchmark(name).split("test").isel(trajectory=0),
    )
    *_, last = itertools.islice(experiment, cycles)
    moments = last.filters["ld-ensf"].estimate.moments
    times = []
    for _ in range(1 + repeats):
        start = clock(device)
        moments()
        times.append(1e3 * (clock(device) - start))
    return {
        "benchmark": name,
        "members": members,
        "decode_ms": median(times[1:]),
        "device": machine_name(device),
    }


if __name__ == "__main__":
    typer.run(main)
