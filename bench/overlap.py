"""What it costs to look at the ensemble: decoding after each cycle, or beside the next one.

    python bench/overlap.py --benchmark tsunami

On a GPU, milliseconds a cycle of LD-EnSF without decoding, with mean and spread decoded after each
and waited for, and with both in graphs on streams of their own, so that the filter goes on while
its last ensemble is decoded. All are averages over many cycles without waits in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import torch
import typer

from ldensf_core import list_benchmarks, load_pretrained
from ldensf_core.device import environment, machine_name, own_stream, recorded, resolve_device, wait
from ldensf_core.filters import LDEnSF
from ldensf_core.observations import Observation
from ldensf_core.speed import observed_run
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel

ROUNDS = 10  # through all snapshots but the initial one


def main(
    benchmark: Annotated[str, typer.Option(help=f"all, {', '.join(list_benchmarks())}.")] = "all",
    members: Annotated[str, typer.Option(help="Sizes of the ensemble, with commas.")] = "20,100",
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


@torch.inference_mode()
def row(model: LatentModel, members: int) -> dict[str, Any]:
    """The three ways with one size of the ensemble."""
    filter_ = LDEnSF(model)
    filter_.reset(members, seed=0)
    observed = observed_run(model)
    filter_.analyse(observed[0])
    latent = filter_.latent.clone()
    device = model.device
    decode = recorded(lambda: model.ldnet.decoder.moments(latent), device)
    here = torch.cuda.current_stream(device)

    def after(observation: Observation) -> None:
        filter_.cycle(observation)
        latent.copy_(filter_.latent)
        decode()
        wait(device)

    def overlapped(observation: Observation) -> None:
        filter_.cycle(observation)
        with own_stream(device):
            beside = torch.cuda.current_stream(device)
            beside.wait_stream(here)
            latent.copy_(filter_.latent)
            copied = beside.record_event()
            decode()
        here.wait_event(copied)

    return {
        "benchmark": model.benchmark.name,
        "members": members,
        "cycle_ms": a_cycle(filter_.cycle, observed, device),
        "decoded_after_ms": a_cycle(after, observed, device),
        "decoded_beside_ms": a_cycle(overlapped, observed, device),
        "device": machine_name(device),
    }


def a_cycle(
    function: Callable[[Observation], None], observed: list[Observation], device: torch.device
) -> float:
    """Milliseconds a call, of many in a row, once the first round is over."""
    for round_ in range(1 + ROUNDS):
        if round_ == 1:
            wait(device)
            start = time.perf_counter()
        for observation in observed[1:]:
            function(observation)
    wait(device)
    return 1e3 * (time.perf_counter() - start) / (ROUNDS * (len(observed) - 1))


if __name__ == "__main__":
    typer.run(main)
