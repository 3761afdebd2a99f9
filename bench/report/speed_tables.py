"""Tables of times: cycles and their parts, ratios between implementations, growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ldensf_core.benchmarks import get_benchmark
from report.page import number, table
from report.timings import PARTS, PUBLISHED, Row, by_device

IMPLEMENTATIONS = {
    "this": "LD-EnSF",
    "published-loop": "the same networks run as published",
    "full-space-ensf": "full-space EnSF",
}
QUANTITIES = {"latent_cycle": "LD-EnSF", "full_cycle": "full-space EnSF"}
GROWING = {"members": "members", "sensors": "sensors", "grid": "points along a side, or degree"}


def cycles(rows: Sequence[Row], image: str) -> str:
    """Times of a cycle and its parts, what it has to do, and the limit; a table a device."""
    parts = ["## A cycle", f"![Time of a cycle against ensemble size]({image})"]
    for (benchmark, device), of in by_device(rows):
        lines = [
            [
                str(row["members"]),
                IMPLEMENTATIONS[row["implementation"]],
                number(row["cycle_ms"]),
                f"{number(row['cycle_ms_10'])} to {number(row['cycle_ms_90'])}",
                *(number(row[f"{part}_ms"]) for part in ("forecast", "analysis", "encode")),
                number(row["peak_memory_mb"]),
                number(_millions(row["operations"])),
                number(_millions(row["bytes"])),
                number(row["limit_ms"]),
            ]
            for row in of
        ]
        head = (
            "members, implementation, cycle, 10 to 90 %, forecast, analysis, encoder, memory (MB), "
            "operations (10⁶), bytes (10⁶), limit"
        ).split(", ")
        parts += [
            f"**{get_benchmark(benchmark).title}**, {device}, times in ms",
            table(head, lines),
        ]
    return "\n\n".join(parts)


def ratios(found: Sequence[Row]) -> str:
    """How many times longer the others take, beside the published factor of a forecast."""
    if not found:
        return ""
    lines = [
        [
            get_benchmark(row["benchmark"]).title,
            row["device"],
            str(row["members"]),
            IMPLEMENTATIONS[row["implementation"]],
            *(number(row[part]) for part in PARTS),
            number(PUBLISHED[row["benchmark"]])
            if row["implementation"] == "full-space-ensf"
            else "–",
        ]
        for row in found
    ]
    head = ["benchmark", "device", "members", "implementation", *PARTS, "forecast, as published"]
    return "\n\n".join(["## How many times longer the others take", table(head, lines)])


def growth(documents: Sequence[dict[str, Any]]) -> str:
    """Exponents; those of memory on a GPU alone, where it is the filter's."""
    lines = []
    for document in documents:
        first = document["rows"][0]
        on_gpu = not first["device"].startswith("cpu")
        lines += [
            [
                get_benchmark(first["benchmark"]).title,
                first["device"],
                QUANTITIES[fit["quantity"]],
                GROWING[fit["along"]],
                fit["sizes"],
                f"{fit['time']:.2f}",
                f"{fit['memory']:.2f}" if on_gpu else "–",
            ]
            for fit in document["exponents"]
        ]
    head = ["benchmark", "device", "filter", "with", "from", "time", "memory"]
    return "\n\n".join(["## How it grows", table(head, lines)])


def _millions(value: float | None) -> float | None:
    return None if value is None else value / 1e6
