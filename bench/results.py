"""The page of scores, docs/results.md, from files of ``ldensf verify --output``.

    python bench/results.py --results results-*.nc --output docs

Every table between the page's markers is made anew, and every figure in ``images/``, from the
files named and nothing else: what they do not hold is not there afterwards. Text outside of the
markers is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure

from report import score_figures as figures
from report import score_tables as tables
from report.command import run
from report.page import environment, fill, without_folders
from report.style import save
from report.sweeps import FIXED, Sweep, load

Draw = Callable[[Sequence[Sweep]], Figure]
SECTIONS: dict[str, tuple[str, Callable[[Sweep], str], dict[str, tuple[str, Draw]]]] = {
    "default": (
        "All filters in the default setting",
        tables.scores,
        {
            "error-time": ("Relative RMSE against time", figures.error_by_time),
            "rank-histograms": ("Rank histograms", figures.rank_histograms),
        },
    ),
    **{
        along: (
            title,
            partial(tables.departures, along=along),
            {f"error-{along}": (f"Error: {title}", partial(figures.error_along, along=along))},
        )
        for along, (title, _) in tables.AXES.items()
    },
    "seconds": (
        "Time of a cycle",
        tables.seconds,
        {"cycle-seconds": ("Seconds a cycle, forecast and analysis", figures.seconds)},
    ),
}
"""By marker: title, table of a benchmark, and by file its alternative text and how it is drawn."""


def main(
    results: Annotated[list[Path], typer.Option(help="Files of sweeps (netCDF).")],
    output: Annotated[Path, typer.Option(help="Folder of results.md and images.")] = Path("docs"),
) -> None:
    """Write tables and figures, and print the names of the files written."""
    sweeps = list(load(results).values())
    parts = {"runs": _runs(sweeps, results)}
    drawn: dict[Path, Figure | None] = {}
    for name, (title, table, images) in SECTIONS.items():
        made = {sweep.benchmark: table(sweep) for sweep in sweeps}
        shown = [sweep for sweep in sweeps if made[sweep.benchmark]]
        lines = [f"## {title}"] if shown else []
        for image, (alternative, draw) in images.items():
            drawn[output / "images" / f"{image}.png"] = draw(shown) if shown else None
            lines += [f"![{alternative}](images/{image}.png)"] if shown else []
        parts[name] = "\n\n".join([*lines, *(made[sweep.benchmark] for sweep in shown)])
    fill(output / "results.md", parts)
    print(output / "results.md")
    for path, figure in drawn.items():
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            save(figure, path)
            print(path)


def _runs(sweeps: Sequence[Sweep], results: Sequence[Path]) -> str:
    """By which commands, where and with what all this was made."""
    names = " ".join(path.name for path in results)
    lines = [
        "## How this page was made",
        f"Tables and figures: `python bench/results.py --results {names} --output docs`. "
        "Their files, each written by the commands named:",
    ]
    for sweep in sweeps:
        for made in sweep.made:
            commands = dict.fromkeys(without_folders(made["command"]).splitlines())
            fixed = ", ".join(f"{name} {made[name]}" for name in FIXED)
            lines.append(
                f"**{tables.title(sweep)}**: {environment(json.loads(made['environment']))}\n\n"
                + "\n".join(f"    {command}" for command in commands)
                + f"\n\n{fixed}"
            )
    return "\n\n".join(lines)


if __name__ == "__main__":
    run(main, several=("--results",))
