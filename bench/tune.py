"""Tuning of filters: scores of some values of their options, best CRPS first.

    python bench/tune.py --benchmark tsunami --filter letkf --truths 3 --members 20
    python bench/tune.py --filter ensf --values steps=50,100,200 --values epsilon=0.05

Every combination of the values runs on the same truths, of the validation split, and the same
observations. What proves good goes into ``ldensf_core/benchmarks/tuned.json``. On one core, a run
over one truth of the tsunami takes 20 s, of the Kolmogorov flow 2 minutes.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Annotated, Any

import typer
from tqdm import tqdm

from ldensf_core import FILTERS, list_benchmarks
from ldensf_core.device import environment
from ldensf_core.filters.options import Option, options_of
from ldensf_core.observations import LAYOUTS
from ldensf_core.verification.sweep import verify
from ldensf_core.verification.table import as_text
from ldensf_core.verification.table import rows as as_rows

TRIED = {
    "inflation": (1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5),
    "steps": (100, 200, 400, 2000),
    "epsilon": (0.05, 0.3),
}
"""By default, where a filter has such an option."""
RADII = {
    "kolmogorov": (2.0, 4.0, 10.0, math.inf),
    "tsunami": (75.0, 100.0, 150.0),
    "atmosphere": (4000.0, 8000.0, 12000.0, 16000.0),
}
"""The same of a localisation, which is a length."""
SCORES = ("crps", "rel_rmse", "rel_rmse_final", "spread_skill", "parameter_error", "analysis_ms")


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    filter_: Annotated[
        str,
        typer.Option("--filter", help="One that has options."),
    ] = "letkf",
    values: Annotated[
        list[str] | None,
        typer.Option(help="Of one option, NAME=VALUE,VALUE,...; may be given several times."),
    ] = None,
    truths: Annotated[int, typer.Option(help="Trajectories of the validation split.")] = 3,
    sensors: Annotated[int | None, typer.Option(help="Number of them.")] = None,
    layout: Annotated[str, typer.Option(help=f"{', '.join(LAYOUTS)}.")] = "grid",
    noise: Annotated[float, typer.Option(help="As a fraction of the standard deviation.")] = 0.1,
    every: Annotated[int, typer.Option(help="Snapshots from one observation to the next.")] = 1,
    members: Annotated[int, typer.Option(help="Ensemble size.")] = 20,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a combination of values."""
    rows = []
    for options in tqdm(combinations(filter_, benchmark, values or []), unit="combination"):
        scores = verify(
            benchmark,
            [filter_],
            truths=truths,
            sensors=sensors,
            layout=layout,
            noise=noise,
            every=every,
            members=members,
            seed=seed,
            device=device,
            split="validation",
            options={filter_: options},
        )
        (row,) = as_rows(scores)
        setting = {key: row[key] for key in ("benchmark", "filter", "members", "sensors", "truths")}
        rows.append(setting | options | {score: row[score] for score in SCORES})
    # A run that blew up has no score.
    rows.sort(key=lambda row: math.inf if row["crps"] is None else row["crps"])
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def combinations(filter_: str, benchmark: str, values: list[str]) -> list[dict[str, Any]]:
    """All combinations of the values given, and of those tried by default of what is not named.

    By default options of full-space filters are tried.

    Options that are neither have their usual value.

    Raises:
        ValueError: if filter or option are unknown, or a value is no number.
    """
    options = options_of(FILTERS[filter_])
    usual = TRIED | {"radius": RADII.get(benchmark, (math.inf,))}
    full_space = FILTERS[filter_].kind == "full space"
    tried = {name: usual[name] for name in options if full_space and name in usual}
    for text in values:
        name, _, given = text.partition("=")
        if name not in options:
            allowed = ", ".join(options) or "none"
            raise ValueError(f"option {name!r} is unknown; {filter_} has {allowed}")
        tried[name] = tuple(_value(options[name], value) for value in given.split(","))
    if not tried:
        raise ValueError(f"filter {filter_!r}: say which values to try, of {', '.join(options)}")
    return [
        dict(zip(tried, combination, strict=True))
        for combination in itertools.product(*tried.values())
    ]


def _value(option: Option, text: str) -> int | float | str:
    """A whole number as such: some options count something."""
    if option.choices:
        return text
    try:
        return int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        raise ValueError(f"value {text!r}: a number is needed") from None


if __name__ == "__main__":
    typer.run(main)
