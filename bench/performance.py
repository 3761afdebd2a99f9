"""The page of times, docs/performance.md, from files of ``ldensf bench`` and ``bench/growth.py``.

    python bench/performance.py --bench bench-*.json --growth growth-*.json --output docs

Every table between the page's markers is made anew, and the figure in ``images/``, from the files
named and nothing else. Files may be of several machines. Text outside of the markers is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ldensf_core.speed import COMPARED
from report import speed_tables as tables
from report import timings
from report.command import run
from report.page import environment, fill
from report.speed_figure import cycle_by_members
from report.style import save

IMAGE = "cycle-members.png"


def main(
    bench: Annotated[list[Path], typer.Option(help="Files of ldensf bench --json.")],
    growth: Annotated[
        list[Path] | None, typer.Option(help="Files of bench/growth.py --json.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of performance.md and images.")] = Path(
        "docs"
    ),
) -> None:
    """Write tables and figure, and print the names of the files written."""
    growth = growth or []
    timed = timings.load(bench, timings.CYCLE, "ldensf bench --json")
    grown = timings.load(growth, timings.GROWTH, "bench/growth.py --json")
    rows = [row for row in timings.cycles(timed) if row["implementation"] in COMPARED]
    parts = {
        "cycles": tables.cycles(rows, f"images/{IMAGE}"),
        "ratios": tables.ratios(timings.ratios(rows)),
        "growth": tables.growth(grown) if grown else "",
        "runs": _runs(bench, growth, [*timed, *grown]),
    }
    fill(output / "performance.md", parts)
    save(cycle_by_members(rows), output / "images" / IMAGE)
    print(output / "performance.md", output / "images" / IMAGE, sep="\n")


def _runs(
    bench: Sequence[Path], growth: Sequence[Path], documents: Sequence[dict[str, Any]]
) -> str:
    """By which command, where and with what all this was made."""
    command = f"--bench {' '.join(path.name for path in bench)}"
    if growth:
        command += f" --growth {' '.join(path.name for path in growth)}"
    machines = dict.fromkeys(environment(document["environment"]) for document in documents)
    return "\n".join(
        [
            "## How this page was made",
            "",
            f"`python bench/performance.py {command} --output docs`, from what `ldensf bench` and "
            "`bench/growth.py` measured with:",
            "",
            *(f"- {machine}" for machine in machines),
        ]
    )


if __name__ == "__main__":
    run(main, several=("--bench", "--growth"))
