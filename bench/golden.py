"""Hold still what must not change while the code is rearranged.

    python bench/golden.py --output before.npz       # at the commit before
    python bench/golden.py --against before.npz      # at the commit after, on the same machine

Every filter follows the same observations on every benchmark, on the CPU with one thread, for ten
cycles. Kept are truth, observations, and of every filter mean, spread, parameters and error, fields
at a hundred points; with them the SHA-256 of the shipped weights. Compared is each array's largest
difference over its largest value. Exits with 1 where that is more than 1e-5.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from ldensf_core import FILTERS, TwinExperiment, list_benchmarks
from ldensf_core.filters import LDEnSF
from ldensf_core.scores import relative_rmse
from ldensf_core.weights.checkpoints import PRETRAINED

CYCLES, POINTS = 10, 100
ALIKE = 1e-5
SETTING = {"members": 8, "full_space_members": 4, "noise": 0.1, "missing": 0.1, "seed": 3}


def main(
    output: Annotated[Path | None, typer.Option(help="File to write (npz).")] = None,
    against: Annotated[Path | None, typer.Option(help="File to compare with.")] = None,
    benchmark: Annotated[
        str, typer.Option(help=f"all, or with commas: {', '.join(list_benchmarks())}.")
    ] = "all",
) -> None:
    """Write what there is, or compare it with what was."""
    torch.set_num_threads(1)
    found: dict[str, np.ndarray] = {}
    for name in list_benchmarks() if benchmark == "all" else benchmark.split(","):
        found |= followed(name, list(FILTERS), "gaussian")
        found |= followed(name, [LDEnSF.name], "published")
        for path in sorted((PRETRAINED / name).glob("*.safetensors")):
            digest = hashlib.sha256(path.read_bytes()).digest()
            found[f"{name}/{path.name}"] = np.frombuffer(digest, np.uint8)
    if output is not None:
        np.savez_compressed(output, **found)
    if against is not None:
        with np.load(against) as before:
            apart = {key: difference(before[key], now) for key, now in found.items()}
        for key, value in apart.items():
            if value > ALIKE:
                print(f"{key}: {value:.1e}")
        print(f"{len(apart)} arrays, apart by {max(apart.values()):.1e} at most")
        sys.exit(max(apart.values()) > ALIKE)


def followed(name: str, filters: list[str], rule: str) -> dict[str, np.ndarray]:
    """Arrays over the first cycles, by what they are."""
    options = {LDEnSF.name: {"rule": rule}} if LDEnSF.name in filters else {}
    twin = TwinExperiment(name, filters, device="cpu", options=options, **SETTING)
    draws = np.random.default_rng(0)
    ny, nx = twin.benchmark.grid_shape
    points = draws.integers(ny, size=POINTS), draws.integers(nx, size=POINTS)
    series: dict[str, list[np.ndarray]] = defaultdict(list)
    for cycle in islice(twin, CYCLES):
        series[f"{name}/truth"].append(cycle.truth.numpy()[:, *points])
        series[f"{name}/observed"].append(cycle.observation.values.numpy())
        for label, result in cycle.filters.items():
            of, estimate = f"{name}/{label}/{rule}", result.estimate
            series[f"{of}/mean"].append(estimate.mean.numpy()[:, *points])
            series[f"{of}/spread"].append(estimate.spread.numpy()[:, *points])
            series[f"{of}/parameters"].append(estimate.parameters.numpy())
            error = relative_rmse(twin.benchmark, estimate.mean, cycle.truth)
            series[f"{of}/error"].append(np.asarray(float(error)))
    return {key: np.stack(values) for key, values in series.items()}


def difference(before: np.ndarray, now: np.ndarray) -> float:
    """Largest difference over the largest value; infinite for another shape or other gaps."""
    if before.shape != now.shape or (np.isnan(before) != np.isnan(now)).any():
        return float("inf")
    before, now = (np.nan_to_num(a.astype(float)) for a in (before, now))
    return float(np.abs(now - before).max() / max(np.abs(before).max(), np.finfo(float).tiny))


if __name__ == "__main__":
    typer.run(main)
