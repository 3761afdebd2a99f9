"""The verification table: filters on one setting, averaged over truths."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.experiment import Cycle, TwinExperiment
from ldensf_core.observations import SensorNetwork
from ldensf_core.verification.scores import coverage, crps, relative_rmse, spread_skill


def verify(
    benchmark: str,
    filters: Sequence[str],
    truths: int = 10,
    sensors: int | None = None,
    layout: str = "grid",
    noise: float = 0.1,
    every: int = 1,
    members: int = 20,
    seed: int = 0,
    device: str = "auto",
    missing: float = 0.0,
    rule: str = "gaussian",
    split: str = "test",
    tuning: Mapping[str, Mapping[str, float]] | None = None,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """One row a filter, averaged over the first ``truths`` trajectories of a split.

    Truth number i is observed with noise, and followed by ensembles, of seed ``seed + i``;
    so is its random layout. Scores: see ``scores``. ``rel_rmse`` is averaged over the cycles,
    ``rel_rmse_final`` and ``parameter_error`` (of the ensemble mean, over the prior's width)
    over the last quarter of them; times are medians a cycle. Without a number of ``sensors``
    there are as many as the benchmark has by default.

    Raises:
        ValueError: for any argument out of range, naming it and what is allowed.
    """
    bench = get_benchmark(benchmark)
    available = bench.split(split)
    if not isinstance(truths, int) or not 1 <= truths <= available.sizes["trajectory"]:
        raise ValueError(
            f"truths = {truths}: a whole number from 1 to {available.sizes['trajectory']}, which "
            f"the {split} split holds, is needed"
        )
    scores: dict[str, list[dict[str, float]]] = {}
    with tqdm(total=truths * bench.n_times, unit="cycle", disable=not progress) as bar:
        for i in range(truths):
            experiment = TwinExperiment(
                benchmark,
                filters,
                SensorNetwork.place(bench, sensors, layout, seed + i),
                noise=noise,
                every=every,
                members=members,
                seed=seed + i,
                device=device,
                missing=missing,
                truth=available.isel(trajectory=i),
                rule=rule,
                tuning=tuning,
            )
            for cycle in experiment:
                for name in experiment.filters:
                    score = cycle_scores(bench, cycle, name, experiment.true_parameters)
                    scores.setdefault(name, []).append(score)
                bar.update()
    setting = {
        "members": members,
        "sensors": len(experiment.sensors),
        "layout": layout,
        "noise": noise,
        "every": every,
        "truths": truths,
        "seed": seed,
        "device": device_name(experiment.device),
    }
    return [
        {"benchmark": benchmark, "filter": name, **setting, **_summary(bench, rows, members)}
        for name, rows in scores.items()
    ]


def cycle_scores(
    benchmark: Benchmark, cycle: Cycle, name: str, true_parameters: np.ndarray
) -> dict[str, float]:
    """Scores of one filter after one cycle, before averaging."""
    result = cycle.filters[name]
    estimate = result.estimate
    truth = cycle.truth.to(estimate.mean)
    std = benchmark.std(truth)[:, None, None]
    area = benchmark.area(truth)
    width = np.array([p.high - p.low for p in benchmark.parameters])
    guess = estimate.parameters.mean(dim=0).cpu().numpy()
    return {
        "index": cycle.index,
        "rel_rmse": relative_rmse(benchmark, estimate.mean, truth),
        "crps": crps(benchmark, estimate.ensemble, truth),
        "square_error": float((area * ((estimate.mean - truth) / std).square()).mean()),
        "variance": float((area * (estimate.spread / std).square()).mean()),
        "coverage90": coverage(benchmark, estimate.ensemble, truth),
        "parameter_error": float((np.abs(guess - true_parameters) / width).mean()),
        "forecast_ms": result.forecast_ms,
        "analysis_ms": result.analysis_ms,
        "decode_ms": result.decode_ms,
    }


def as_text(rows: list[dict[str, Any]]) -> str:
    """Rows under their column names, aligned."""
    lines = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def environment() -> dict[str, Any]:
    """The machine and the versions that rows were made with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": device_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def device_name(device: torch.device) -> str:
    """A device's own name, for people who compare rows."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()})"


def _summary(
    benchmark: Benchmark, rows: list[dict[str, float]], members: int
) -> dict[str, float | None]:
    final = [row for row in rows if row["index"] >= 0.75 * benchmark.n_times]

    def mean(key: str, of: list[dict[str, float]]) -> float:
        return float(np.mean([row[key] for row in of]))

    summary = {
        "rel_rmse": mean("rel_rmse", rows),
        "rel_rmse_final": mean("rel_rmse", final),
        "crps": mean("crps", rows),
        "spread_skill": spread_skill(mean("variance", rows), mean("square_error", rows), members),
        "coverage90": mean("coverage90", rows),
        "parameter_error": mean("parameter_error", final),
        **{
            key: float(np.nanmedian([row[key] for row in rows]))
            for key in ("forecast_ms", "analysis_ms", "decode_ms")
        },
    }
    return {key: value if np.isfinite(value) else None for key, value in summary.items()}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
