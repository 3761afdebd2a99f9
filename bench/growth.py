"""How time and memory grow with members, sensors and grid, as fitted exponents.

    python bench/growth.py --benchmark tsunami

A latent cycle is timed for ensembles and sensors of several sizes, the cycle of the full-space
EnSF for ensembles and on grids of several sizes. An exponent is the slope of a straight line
through the logarithms of the larger half of the sizes, where what does not grow hides least of
what does. Memory is that of the GPU; on a CPU it is the process's, and says little.
"""

from __future__ import annotations

import json
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import typer
from tqdm import tqdm

from ldensf_core.benchmarks import Atmosphere, Benchmark, Kolmogorov, Tsunami
from ldensf_core.device import environment, machine_name, release_memory
from ldensf_core.filters import EnSF, LDEnSF
from ldensf_core.filters.chosen import make_filter
from ldensf_core.observations import SensorNetwork
from ldensf_core.speed import milliseconds, observed_run, peak_memory_mb, restarting
from ldensf_core.verification.table import as_text
from ldensf_core.weights.checkpoints import load_pretrained
from ldensf_core.weights.model import LatentModel

GRIDS = {
    "kolmogorov": (Kolmogorov, (100, 150, 200, 300)),
    "tsunami": (Tsunami, (100, 150, 200, 300)),
    "atmosphere": (Atmosphere, (42, 63, 85, 127)),
}
"""By number of points along a side, or by degree of the truncation."""


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(GRIDS)}.")],
    members: Annotated[str, typer.Option(help="Sizes of the latent ensemble, with commas.")] = (
        "20,100,1000,10000"
    ),
    sensors: Annotated[str, typer.Option(help="Numbers of sensors, with commas.")] = (
        "64,256,1024,4096"
    ),
    full_space_members: Annotated[
        str, typer.Option(help="Sizes of the full-space ensemble, with commas.")
    ] = "5,10,20",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print what was measured, and the exponents."""
    model = load_pretrained(benchmark, device)
    build, grids = GRIDS[benchmark]
    tasks = [
        *((latent_cycle, "members", size, (size, None)) for size in _sizes(members)),
        *((latent_cycle, "sensors", n, (20, n)) for n in _sizes(sensors)),
        *((full_cycle, "members", m, (model.benchmark, m)) for m in _sizes(full_space_members)),
        *((full_cycle, "grid", n, (build(n), 5)) for n in grids),
    ]
    rows = []
    for measure, along, size, arguments in tqdm(tasks):
        if model.device.type == "cuda":
            release_memory(model.device)
            torch.cuda.reset_peak_memory_stats(model.device)
        rows.append(
            {
                "benchmark": benchmark,
                "quantity": measure.__name__,
                "along": along,
                "size": size,
                "ms": measure(model, *arguments),
                "memory_mb": peak_memory_mb(model.device),
                "device": machine_name(model.device),
            }
        )
    fitted = exponents(rows)
    if as_json:
        print(
            json.dumps({"rows": rows, "exponents": fitted, "environment": environment()}, indent=2)
        )
    else:
        print(as_text(rows), as_text(fitted), sep="\n\n")


def latent_cycle(model: LatentModel, members: int, sensors: int | None) -> float:
    """Median time of a cycle of LD-EnSF, ms."""
    # At random, where any number of sensors has a place.
    observed = observed_run(model, sensors, "grid" if sensors is None else "random")
    filter_ = LDEnSF(model)
    filter_.reset(members, seed=0)
    filter_.analyse(observed[0])
    return median(milliseconds(filter_.cycle, observed, model.device, restarting(filter_, members)))


def full_cycle(model: LatentModel, benchmark: Benchmark, members: int) -> float:
    """Median time of a cycle of the full-space EnSF, ms; its observations are all zero."""
    network = SensorNetwork.grid(benchmark, *benchmark.sensor_grid)
    shape = (len(benchmark.variables), *benchmark.grid_shape)
    observed = [network.observe(torch.zeros(shape), i, 0.1, 0.0, seed=0) for i in range(3)]
    filter_ = make_filter(EnSF, benchmark, members, 0, model.device)
    filter_.analyse(observed[0])

    return median(milliseconds(filter_.cycle, observed, model.device, restarting(filter_, members)))


def exponents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Slopes of time and memory against size, in logarithms, by quantity and what grows."""
    fitted = []
    for quantity, along in dict.fromkeys((row["quantity"], row["along"]) for row in rows):
        chosen = [r for r in rows if (r["quantity"], r["along"]) == (quantity, along)]
        large = sorted(chosen, key=lambda r: r["size"])[-max(2, (len(chosen) + 1) // 2) :]
        size, time, memory = (
            np.log([r[key] for r in large]) for key in ("size", "ms", "memory_mb")
        )
        fitted.append(
            {
                "quantity": quantity,
                "along": along,
                "sizes": f"{large[0]['size']} to {large[-1]['size']}",
                "time": float(np.polyfit(size, time, 1)[0]),
                "memory": float(np.polyfit(size, memory, 1)[0]),
            }
        )
    return fitted


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


if __name__ == "__main__":
    typer.run(main)
