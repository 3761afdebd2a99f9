"""The page of scores, docs/results.md, from files of sweeps and of times.

    python bench/results.py --results results-*.nc --times bench-*.json --output docs

Scores are of ``ldensf verify --output``, times of ``ldensf bench --json`` with 20 members. Every
table between the page's markers is made anew, and every figure in ``images/``, from the
files named and nothing else: what they do not hold is not there afterwards. Text outside of the
markers is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure

from report import score_figures as figures
from report import score_tables as tables
from report import timings
from report.command import run
from report.page import environment, fill, without_folders
from report.style import save
from report.sweeps import FIXED, Sweep, load

SECONDS = "cycle-seconds.png"
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
}
"""By marker: title, table of a benchmark, and by file its alternative text and how it is drawn."""


def main(
    results: Annotated[list[Path], typer.Option(help="Files of sweeps (netCDF).")],
    times: Annotated[list[Path] | None, typer.Option(help="Files of ldensf bench --json.")] = None,
    output: Annotated[Path, typer.Option(help="Folder of results.md and images.")] = Path("docs"),
) -> None:
    """Write tables and figures, and print the names of the files written."""
    times = times or []
    sweeps = list(load(results).values())
    timed = timings.load(times, timings.CYCLE, "ldensf bench --json")
    of_filters = timings.of_filters(timings.cycles(timed))
    parts = {"runs": _runs(sweeps, results, timed, times), "seconds": _seconds(of_filters)}
    drawn: dict[Path, Figure | None] = {
        output / "images" / SECONDS: figures.seconds(of_filters) if of_filters else None
    }
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


def _seconds(timed: Sequence[tuple[tuple[str, str], list[timings.Row]]]) -> str:
    if not timed:
        return ""
    lines = ["## Time of a cycle", f"![Seconds a cycle, forecast and analysis](images/{SECONDS})"]
    return "\n\n".join([*lines, *(tables.seconds(*where, rows) for where, rows in timed)])


def _runs(
    sweeps: Sequence[Sweep],
    results: Sequence[Path],
    timed: Sequence[dict[str, Any]],
    times: Sequence[Path],
) -> str:
    """By which commands, where and with what all this was made."""
    command = f"--results {' '.join(path.name for path in results)}"
    if times:
        command += f" --times {' '.join(path.name for path in times)}"
    lines = [
        "## How this page was made",
        f"Tables and figures: `python bench/results.py {command} --output docs`. "
        "Files of scores, each written by the commands named:",
    ]
    for sweep in sweeps:
        for made in sweep.made:
            commands = dict.fromkeys(without_folders(made["command"]).splitlines())
            fixed = ", ".join(f"{name} {made[name]}" for name in FIXED)
            machines = map(environment, map(json.loads, made["environment"].splitlines()))
            lines.append(
                f"**{tables.title(sweep)}**, by {' and '.join(made['devices'])}: "
                f"{'; '.join(machines)}\n\n"
                + "\n".join(f"    {command}" for command in commands)
                + f"\n\n{fixed}"
            )
    if timed:
        machines = dict.fromkeys(environment(document["environment"]) for document in timed)
        lines.append("Times, by `ldensf bench --json --members 20`: " + "; ".join(machines))
    return "\n\n".join(lines)


if __name__ == "__main__":
    run(main, several=("--results", "--times"))
