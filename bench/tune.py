"""Tuning of the full-space filters: scores of some values of their parameters, best CRPS first.

    python bench/tune.py --benchmark tsunami --filter letkf --truths 3 --members 20
    python bench/tune.py --filter ensf --values steps=50,100,200 --values epsilon=0.05

Every combination of the values runs on the same truths, of the validation split, and the same
observations. What proves good goes into ``ldensf_core/filters/tuning.py``. On one core, a run over
one truth of the tsunami takes 20 s, of the Kolmogorov flow 2 minutes.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Annotated

import typer
from tqdm import tqdm

from ldensf_core.benchmarks import list_benchmarks
from ldensf_core.device import environment
from ldensf_core.filters import FULL_SPACE_FILTERS
from ldensf_core.observations import LAYOUTS
from ldensf_core.verification.sweep import verify
from ldensf_core.verification.table import as_text
from ldensf_core.verification.table import rows as as_rows

INFLATIONS = (1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.5)
RADII = {
    "kolmogorov": (2.0, 4.0, 10.0, math.inf),
    "tsunami": (75.0, 100.0, 150.0),
    "atmosphere": (4000.0, 8000.0, 12000.0, 16000.0),
}
SCORE = {"steps": (100, 200, 400, 2000), "epsilon": (0.05, 0.3)}
"""By default of the LETKF and of the score filters."""
PARAMETERS = {
    "letkf": ("inflation", "radius", "parameter_taper"),
    "ensf": ("steps", "epsilon"),
    "ensf-inpainting": ("steps", "epsilon"),
    "latent-ensf": ("steps", "epsilon"),
}
SCORES = ("crps", "rel_rmse", "rel_rmse_final", "spread_skill", "parameter_error", "analysis_ms")


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    filter_: Annotated[
        str, typer.Option("--filter", help=f"{', '.join(FULL_SPACE_FILTERS)}.")
    ] = "letkf",
    values: Annotated[
        list[str] | None,
        typer.Option(help="Of one parameter, NAME=VALUE,VALUE,...; may be given several times."),
    ] = None,
    truths: Annotated[int, typer.Option(help="Trajectories of the validation split.")] = 3,
    sensors: Annotated[int | None, typer.Option(help="Number of them.")] = None,
    layout: Annotated[str, typer.Option(help=f"{', '.join(LAYOUTS)}.")] = "grid",
    noise: Annotated[float, typer.Option(help="As a fraction of the standard deviation.")] = 0.1,
    every: Annotated[int, typer.Option(help="Every so many snapshots are observed.")] = 1,
    members: Annotated[int, typer.Option(help="Ensemble size.")] = 20,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a combination of values."""
    rows = []
    for tuning in tqdm(combinations(filter_, benchmark, values or []), unit="combination"):
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
            tuning={filter_: tuning},
        )
        (row,) = as_rows(scores)
        setting = {key: row[key] for key in ("benchmark", "filter", "members", "sensors", "truths")}
        rows.append(setting | tuning | {score: row[score] for score in SCORES})
    # A run that blew up has no score.
    rows.sort(key=lambda row: math.inf if row["crps"] is None else row["crps"])
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def combinations(filter_: str, benchmark: str, values: list[str]) -> list[dict[str, float]]:
    """All combinations of the values given, and of the defaults of what is not named.

    The taper of the parameters has no others than its present value.

    Raises:
        ValueError: if filter or parameter are unknown, or a value is no number.
    """
    if filter_ not in PARAMETERS:
        raise ValueError(f"filter {filter_!r} is unknown; there are {', '.join(PARAMETERS)}")
    tried: dict[str, tuple[float, ...]] = dict(SCORE)
    if filter_ == "letkf":
        tried = {"inflation": INFLATIONS, "radius": RADII[benchmark]}
    for option in values:
        name, _, numbers = option.partition("=")
        if name not in PARAMETERS[filter_]:
            allowed = ", ".join(PARAMETERS[filter_])
            raise ValueError(f"parameter {name!r} is unknown; {filter_} has {allowed}")
        tried[name] = tuple(map(_number, numbers.split(",")))
    return [
        dict(zip(tried, combination, strict=True))
        for combination in itertools.product(*tried.values())
    ]


def _number(text: str) -> float:
    """A whole number as such: some parameters count something."""
    try:
        return int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        raise ValueError(f"value {text!r}: a number is needed") from None


if __name__ == "__main__":
    typer.run(main)
