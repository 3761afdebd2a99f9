"""Arguments of the command line: their types with help texts, and what their texts mean."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ldensf_core.benchmarks import BENCHMARKS, list_benchmarks
from ldensf_core.filters import FILTERS
from ldensf_core.filters.options import options_of
from ldensf_core.observations import LAYOUTS

Layout = StrEnum("Layout", list(LAYOUTS))

Name = Annotated[
    str,
    typer.Argument(help=f"Benchmark: {', '.join(list_benchmarks())}, or a file of runs (.nc)."),
]
Output = Annotated[Path, typer.Option(help="File to write (netCDF).")]
Device = Annotated[str, typer.Option(help="auto (a CUDA GPU where there is one), cpu or cuda.")]
Seed = Annotated[int, typer.Option(help="Seed of all random draws.")]
SENSORS = ", ".join(f"{name} {math.prod(b.sensor_grid)}" for name, b in BENCHMARKS.items())
Sensors = Annotated[int | None, typer.Option(help=f"Number of sensors (by default: {SENSORS}).")]
PLACES = (
    "on an even grid; at random; in a cluster, a disc a fifth as wide as the domain; along a line "
    "across it; at random in one half"
)
LayoutOption = Annotated[Layout, typer.Option(help=f"How the sensors are placed: {PLACES}.")]
Noise = Annotated[
    float, typer.Option(help="Noise level, as a fraction of each variable's standard deviation.")
]
Every = Annotated[int, typer.Option(help="Observe every N-th snapshot.")]
Members = Annotated[int, typer.Option(help="Ensemble size.")]
Missing = Annotated[float, typer.Option(help="Probability that a sensor reports nothing.")]
Filters = Annotated[
    str,
    typer.Option(
        help=f"Separated by commas: {', '.join(FILTERS)}. Give labels to run one twice: "
        "small=ld-ensf,large=ld-ensf."
    ),
]
ERRORS = "; ".join(
    f"{name}: {', '.join(b.model_errors)}" for name, b in BENCHMARKS.items() if b.model_errors
)
ModelErrorOption = Annotated[
    str,
    typer.Option(
        "--model-error",
        help=f"Physics of the truth that the filters do not know: none, or for {ERRORS}.",
    ),
]
OPTIONS = "; ".join(
    f"{name}: {', '.join(options_of(kind))}" for name, kind in FILTERS.items() if options_of(kind)
)
Weights = Annotated[
    Path | None,
    typer.Option(help="Folder of trained weights (by default those shipped for the benchmark)."),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="FILTER.OPTION=VALUE",
        help=f"Set an option of a filter; repeat for more. Options are {OPTIONS}; every filter has "
        "members.",
    ),
]


def names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def labelled(text: str) -> dict[str, str]:
    """Filters by label: ``small=ld-ensf,ensf``.

    Raises:
        ValueError: if a label occurs twice.
    """
    pairs = [(label, name or label) for label, _, name in (n.partition("=") for n in names(text))]
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"filters {text!r}: name each once, or give labels: small=ld-ensf,ensf")
    return dict(pairs)


def options_by_filter(given: list[str] | None) -> dict[str, dict[str, Any]]:
    """Options of filters, by label: ``["letkf.radius=200", "ld-ensf.rule=published"]``.

    Raises:
        ValueError: if one is not of the form FILTER.OPTION=VALUE.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in given or []:
        what, _, value = text.partition("=")
        label, _, name = what.rpartition(".")
        if not label or not name or not value:
            raise ValueError(f"option {text!r}: FILTER.OPTION=VALUE is needed")
        found.setdefault(label, {})[name] = _value(value)
    return found


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def numbers(name: str, text: str, kind: type) -> list:
    """Numbers of a ``kind``, separated by commas.

    Raises:
        ValueError: if one is none; names the argument.
    """
    try:
        return [kind(number) for number in names(text)]
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"{name} {text!r}: {what}, with commas, are needed") from None
