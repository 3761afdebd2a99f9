"""A page of Markdown: what is made stands between pairs of markers, the rest is left alone.

<!-- begin NAME -->
<!-- end NAME -->
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def fill(page: Path, parts: Mapping[str, str]) -> None:
    """Put each part between the markers of its name, in place of what was there.

    Raises:
        ValueError: if a pair of markers is not there exactly once, before anything is written.
        OSError: if there is no such page, or it cannot be written.
    """
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if [text.count(begin), text.count(end)] != [1, 1] or text.index(begin) > text.index(end):
            raise ValueError(f"{page} needs the markers {begin} and {end}, once and in this order")
        before, rest = text.split(begin)
        _, after = rest.split(end)
        inside = f"\n\n{part.strip()}\n\n" if part.strip() else "\n"
        text = f"{before}{begin}{inside}{end}{after}"
    page.write_text(text, encoding="utf-8")


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    all_lines = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in all_lines)


def number(value: float | None) -> str:
    """Three digits; – for what was not measured."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size >= 1e7:
        return f"{value:.1e}"
    return f"{value:,.0f}" if size >= 99.95 else f"{value:#.3g}"


def column(
    values: Sequence[float | None], ideal: float = 0.0, contends: Sequence[bool] | None = None
) -> list[str]:
    """Numbers, the best in bold: those nearest to what is ideal, if there is a choice.

    Args:
        contends: which of them may be best; all by default.
    """
    cells = [number(value) for value in values]
    among = [
        (value, cell)
        for value, cell, may in zip(values, cells, contends or [True] * len(cells), strict=True)
        if may and value is not None and math.isfinite(value)
    ]
    if len(among) < 2:
        return cells
    _, best = min(among, key=lambda one: abs(one[0] - ideal))
    return [
        f"**{cell}**" if cell == best and may else cell
        for cell, may in zip(cells, contends or [True] * len(cells), strict=True)
    ]


def environment(of: Mapping[str, Any]) -> str:
    """Machine and versions, in one line."""
    machine = f"{of['gpu'] or 'no GPU'}; {of['cpu']}; {of['platform'].split('-')[0]}"
    return f"{machine}; Python {of['python']}, torch {of['torch']}, numpy {of['numpy']}"


def without_folders(command: str) -> str:
    """A command without the folders of its absolute paths, which are of one machine alone."""
    return re.sub(r"(^|[\s='\"])/(?:[^\s/]+/)*", r"\1", command)
