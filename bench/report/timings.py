"""Files of times, as ``ldensf bench --json`` and ``bench/growth.py --json`` print them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ldensf_core import FILTERS
from ldensf_core.benchmarks import list_benchmarks
from ldensf_core.speed import NAMES, implementations

Row = dict[str, Any]
PUBLISHED = {"kolmogorov": 2e5, "tsunami": 4e3, "atmosphere": 5e5}
"""How many times faster a forecast is than the solver's (Xiao, Si and Chen, ICLR 2026)."""
PARTS = ("cycle", "forecast", "analysis")
MEMBERS = 20
"""Ensemble size that filters are compared with."""
CYCLE = {"implementation", "members", "cycle_ms", "cycle_ms_10", "cycle_ms_90", "limit_ms"}
GROWTH = {"quantity", "along", "size", "ms", "memory_mb"}


def load(paths: Sequence[Path], columns: set[str], made_by: str) -> list[dict[str, Any]]:
    """The documents, whose rows have these columns beside benchmark and device.

    Raises:
        ValueError: naming the file, if it is none that ``made_by`` has printed.
    """
    documents = []
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path}: there is no such file")
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            known = all(columns | {"benchmark", "device"} <= set(row) for row in document["rows"])
            known = known and document["rows"] and "environment" in document
        except (ValueError, TypeError, KeyError):
            known = False
        if not known:
            raise ValueError(f"{path} is nothing that {made_by} prints")
        documents.append(document)
    return documents


def cycles(documents: Sequence[dict[str, Any]]) -> list[Row]:
    """Rows of all files, by benchmark, device, members and implementation.

    Raises:
        ValueError: if one of these was measured twice.
    """
    rows = [row for document in documents for row in document["rows"]]
    rows.sort(key=_place)
    for here, following in pairwise(rows):
        if _place(here) == _place(following):
            what = f"{here['implementation']} of {here['benchmark']}, {here['members']} members"
            raise ValueError(f"{what}, on {here['device']}, is in two files: name one of them")
    return rows


def by_device(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    """Benchmark and device, and their rows."""
    for key, group in groupby(rows, key=lambda row: (row["benchmark"], row["device"])):
        yield key, list(group)


def ratios(rows: Sequence[Row]) -> list[Row]:
    """How many times longer the others take than this: on one device, as many members."""
    found = []
    this = {_where(row): row for row in rows if row["implementation"] == "this"}
    for row in rows:
        own = this.get(_where(row))
        if own is None or row is own:
            continue
        found.append(
            {key: row[key] for key in ("benchmark", "device", "members", "implementation")}
            | {part: row[f"{part}_ms"] / own[f"{part}_ms"] for part in PARTS}
        )
    return found


def of_filters(rows: Sequence[Row]) -> list[tuple[tuple[str, str], list[Row]]]:
    """Benchmark and device, and the rows with ``MEMBERS`` that are of a filter of the app.

    Each has the filter's name added as ``filter``; they are in the order of the app.
    """
    named = [
        row | {"filter": NAMES.get(row["implementation"], row["implementation"])}
        for row in rows
        if row["members"] == MEMBERS
    ]
    found = []
    for key, of in by_device([row for row in named if row["filter"] in FILTERS]):
        found.append((key, sorted(of, key=lambda row: list(FILTERS).index(row["filter"]))))
    return found


def _where(row: Row) -> tuple[str, str, int]:
    return row["benchmark"], row["device"], row["members"]


def _place(row: Row) -> tuple[Any, ...]:
    implementation = implementations().index(row["implementation"])
    return (
        list_benchmarks().index(row["benchmark"]),
        row["device"],
        row["members"],
        implementation,
    )
