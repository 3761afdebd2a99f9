"""The latent cycle as recorded for a GPU beside the same calls made one by one, by torch alone.

    python bench/graphs.py --benchmark tsunami

Both filters follow the same observations from the same seed, through a change of sensors and a
reset; printed is how far their ensembles are apart in the end, at most over members and
components, in units of the training standard deviation. It needs a GPU: elsewhere both are one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ldensf_core import list_benchmarks, load_pretrained
from ldensf_core.device import environment, machine_name, resolve_device
from ldensf_core.encoders import SingleEncoder
from ldensf_core.filters import LDEnSF
from ldensf_core.latent_cycle import layers
from ldensf_core.speed import observed_run
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel

SENSORS = (40, 300)
CYCLES = 4  # with each


class Eager(LDEnSF):
    """Without graphs, and without kernels of our own."""

    def __init__(self, model: LatentModel) -> None:
        super().__init__(model)
        self.functions = layers
        self.history.encode_single = SingleEncoder(model.encoder, layers)

    def _run(self, *parts: Callable[[], None]) -> None:
        for part in parts:
            part()


def main(
    benchmark: Annotated[str, typer.Option(help=f"all, {', '.join(list_benchmarks())}.")] = "all",
    members: Annotated[str, typer.Option(help="Sizes of the ensemble, with commas.")] = (
        "1,20,1000"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a benchmark and size of the ensemble."""
    resolve_device("cuda")
    names = list_benchmarks() if benchmark == "all" else [benchmark]
    models = [load_pretrained(name, "cuda") for name in names]
    rows = [row(model, int(size)) for model in models for size in members.split(",")]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def row(model: LatentModel, members: int) -> dict[str, Any]:
    """Follow the same run twice, under another seed in between."""
    filters = LDEnSF(model), Eager(model)
    runs = [observed_run(model, n, "random") for n in SENSORS]
    for filter_ in filters:
        for seed in (0, 1, 0):
            filter_.reset(members, seed)
            for index in range(CYCLES * len(runs)):
                observation = runs[index // CYCLES][index]
                if index % 2:
                    filter_.cycle(observation)
                    continue
                if index:
                    filter_.forecast()
                filter_.analyse(observation)
    apart = (filters[0].state - filters[1].state).abs() / model.encoder.std
    return {
        "benchmark": model.benchmark.name,
        "members": members,
        "apart": float(apart.max()),
        "device": machine_name(model.device),
    }


if __name__ == "__main__":
    typer.run(main)
