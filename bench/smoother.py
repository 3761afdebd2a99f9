"""What the latent smoother can be trusted with, on fresh truths.

    python bench/smoother.py --benchmark tsunami --part layouts --truths 20

Parts, each a table, with noise 0.1 and (but for ``parameters``) 20 members:

* ``layouts``: errors over the last quarter of the cycles with many sensors in all layouts, beside
  LD-EnSF's and the surrogate's at the true parameters (floor).
* ``few``: the same with 4 sensors and with one, beside √(floor² + posterior²); the posterior's
  spread is that of a fine grid over the unknowns, with the likelihood of all data (on a GPU: a grid
  of 65,536 runs).
* ``values``: of one variable alone, and with a wild value.
* ``parameters``: share of truths within the 90 % intervals of 100 members, at the end.
* ``flag``: how often it says, in the last quarter, that observations disagree with its model: of
  good runs, and of truths with other physics or beyond the prior.
* ``speed``: time of a cycle, first, median, and 90 % of them.

Truths: see ``fresh.py``.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import numpy as np
import torch
import typer
from fresh import BEYOND, MEMBERS, SEED, Bench
from tqdm import tqdm

from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark, list_benchmarks
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.device import machine_name, resolve_device
from ldensf_core.filters import LatentSmoother, LDEnSF
from ldensf_core.observations import LAYOUTS
from ldensf_core.observations.innovation import disagreement, normalised_square
from ldensf_core.scores import relative_rmse
from ldensf_core.verification.table import as_text

WILD = 100.0  # standard deviations of the variable


def layouts(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """Errors with 100 and 25 sensors in every layout."""
    settings = [(n, layout) for n in (100, 25) for layout in LAYOUTS]
    found: dict[tuple, list] = {setting: [] for setting in settings}
    for truth, parameters, fields in tqdm(bench.truths(truths), total=truths):
        floor = bench.floor(parameters, fields)
        for n, layout in settings:
            observed = bench.observations(_network(bench, n, layout, truth), fields, truth)
            smoother = bench.scores(LatentSmoother(bench.model), observed, fields, truth)
            paper = bench.scores(LDEnSF(bench.model), observed, fields, truth)
            found[n, layout].append((floor, *smoother, *paper))
    return [{"sensors": n, "layout": lay, **_errors(of)} for (n, lay), of in found.items()]


def few(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """Errors with 4 sensors and with one, beside what the data leave open."""
    found: dict[int, list] = {n: [] for n in (4, 1)}
    for truth, parameters, fields in tqdm(bench.truths(truths), total=truths):
        floor = bench.floor(parameters, fields)
        for n in found:
            network = bench.network(n, "random", truth)
            observed = bench.observations(network, fields, truth)
            smoother = bench.scores(LatentSmoother(bench.model), observed, fields, truth)
            paper = bench.scores(LDEnSF(bench.model), observed, fields, truth)
            found[n].append((floor, *smoother, *paper, bench.posterior(network, observed, fields)))
    rows = []
    for n, of in found.items():
        posterior = _root_mean(row[5] for row in of)
        limit = math.hypot(_root_mean(row[0] for row in of), posterior)
        ratio = _root_mean(row[1] for row in of) / limit
        told = {"posterior": posterior, "error_over_both": ratio}
        rows.append({"sensors": n, "layout": "random", **_errors(of), **told})
    return rows


def values(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """Errors of single variables, and with one wild value at three times."""
    names = [v.name for v in bench.benchmark.variables]
    times = {"wild value at the start": 0, "half-way": bench.benchmark.n_times // 2}
    times["in the last quarter"] = bench.last_quarter[0]
    found: dict[str, list] = {"all": [], **{n: [] for n in names}, **{w: [] for w in times}}
    for truth, parameters, fields in tqdm(bench.truths(truths), total=truths):
        floor, network = bench.floor(parameters, fields), bench.network(None, "grid", truth)
        for name, rows in found.items():
            how = {"variables": [name]} if name in names else {}
            observed = bench.observations(network, fields, truth, **how)
            if name in times:
                sensor = truth % len(network)
                which = observed[times[name]].values
                which[sensor, -1] += WILD * bench.benchmark.variables[-1].std
            paper = (math.nan, math.nan)
            rows.append(
                (floor, *bench.scores(LatentSmoother(bench.model), observed, fields, truth), *paper)
            )
    every = np.array(found["all"])[:, 1].mean()
    return [
        {
            "measured": name,
            **_errors(rows),
            "over_all": float(np.mean([r[1] for r in rows]) / every),
        }
        for name, rows in found.items()
    ]


def parameters(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """Coverage of the unknowns at the end, by the quantiles of 100 members."""
    inside: dict[tuple, list] = {(None, "grid"): [], (25, "random"): []}
    for truth, true, fields in tqdm(bench.truths(truths), total=truths):
        for (n, layout), rows in inside.items():
            observed = bench.observations(bench.network(n, layout, truth), fields, truth)
            filter_ = LatentSmoother(bench.model)
            for _ in bench.run(filter_, observed, truth, members=100):
                pass
            found = filter_.parameters
            low, high = found.quantile(torch.tensor([0.05, 0.95], device=found.device), dim=0)
            unit = bench.benchmark.unit_parameters(true)
            rows.append(((low <= unit) & (unit <= high)).tolist())
    names = [p.name for p in bench.benchmark.parameters]
    return [
        {
            "sensors": "default" if n is None else n,
            "layout": layout,
            **dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True)),
        }
        for (n, layout), rows in inside.items()
    ]


def flag(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """How often 100 sensors tell that the model is wrong; five times as many good truths."""
    cases = {"the benchmark's physics": (5 * truths, NONE, False)}
    for name, error in bench.benchmark.model_errors.items():
        cases[error.title] = (truths, name, False)
    beyond = ", ".join(f"{k} = {v:g}" for k, v in BEYOND[bench.benchmark.name].items())
    cases[f"beyond the prior: {beyond}"] = (truths, NONE, True)
    rows = []
    for title, (count, physics, outside) in cases.items():
        told, chi2, scores = [], [], []
        for truth, _, fields in tqdm(bench.truths(count, physics, outside), total=count):
            observed = bench.observations(_network(bench, 100, "grid", truth), fields, truth)
            filter_, innovations, flagged, errors = LatentSmoother(bench.model), [], False, []
            for index in bench.run(filter_, observed, truth):
                estimate = filter_.estimate()
                innovations.append(estimate.innovation)
                if index in bench.last_quarter:
                    flagged |= disagreement(innovations, filter_.limit) is not None
                    errors.append(relative_rmse(bench.benchmark, estimate.mean, fields[index]))
            told.append(flagged)
            chi2.append(normalised_square(innovations))
            scores.append(np.mean(errors))
        rows.append(
            {
                "truth": title,
                "runs": count,
                "told": sum(told),
                "chi2_median": float(np.median(chi2)),
                "chi2_lowest": min(chi2),
                "chi2_highest": max(chi2),
                "error": float(np.mean(scores)),
            }
        )
    return rows


def speed(bench: Bench, truths: int) -> list[dict[str, Any]]:
    """Time of a cycle with the default sensors, beside LD-EnSF's, in ms."""
    rows = []
    for seed in range(truths):
        experiment = TwinExperiment(
            bench.benchmark,
            [LDEnSF, LatentSmoother],
            members=MEMBERS,
            seed=SEED + seed,
            device=bench.device,
            model=bench.model,
        )
        times: dict[str, list[float]] = {name: [] for name in experiment.filters}
        for cycle in experiment:
            for name, result in cycle.filters.items():
                times[name].append(result.cycle_ms)
        for name, of in times.items():
            found = {"first": of[0], "median": np.median(of), "90 %": np.quantile(of, 0.9)}
            rows.append({"filter": name, "run": seed, **{k: float(v) for k, v in found.items()}})
    return rows


PARTS = {f.__name__: f for f in (layouts, few, values, parameters, flag, speed)}


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    part: Annotated[str, typer.Option(help=f"{', '.join(PARTS)}.")] = "layouts",
    truths: Annotated[int, typer.Option(help="Fresh truths, or runs for speed.")] = 20,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one table."""
    if part not in PARTS:
        raise typer.BadParameter(f"part {part!r}: there are {', '.join(PARTS)}")
    on = resolve_device(device)
    with torch.inference_mode():
        rows = PARTS[part](Bench(get_benchmark(benchmark), on), truths)
    if as_json:
        made = {"benchmark": benchmark, "part": part, "truths": truths}
        print(json.dumps({**made, "device": machine_name(on), "rows": rows}))
        return
    print(f"{benchmark}, {part}, {truths} truths, {machine_name(on)}")
    print(as_text(rows))


def _network(bench: Bench, n: int, layout: str, truth: int) -> SensorNetwork:
    """``n`` sensors; a grid may have a few less, to have the domain's proportions."""
    if layout != "grid":
        return bench.network(n, layout, truth)
    x, y = bench.benchmark.x, bench.benchmark.y
    aspect = (x.high - x.low) / (y.high - y.low)
    rows = math.floor(math.sqrt(n / aspect))
    return SensorNetwork.grid(bench.benchmark, math.floor(n / rows), rows)


def _errors(rows: list[tuple[float, ...]]) -> dict[str, float]:
    """Means of (floor, error, spread, LD-EnSF's error, its spread), and their ratios."""
    floor, error, spread, paper, paper_spread = np.array([row[:5] for row in rows]).T
    return {
        "floor": floor.mean(),
        "error": error.mean(),
        "error_over_floor": error.mean() / floor.mean(),
        "spread_over_error": _root_mean(spread) / _root_mean(error),
        "ld_ensf_error": paper.mean(),
        "ld_ensf_spread_over_error": _root_mean(paper_spread) / _root_mean(paper),
    }


def _root_mean(numbers: Any) -> float:
    return float(np.sqrt(np.mean(np.square(list(numbers)))))


if __name__ == "__main__":
    typer.run(main)
