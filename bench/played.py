"""Play the served page by Bokeh's client, every benchmark to its end, and check what it shows.

    python bench/played.py --device cuda

Serves the app in a separate process, opens a page, chooses each benchmark in turn, presses play
and takes in the frames as a browser would. Printed are how many came, the error that the page tells
at the end, and how far the last picture of the truth is from a run of the solver in this process
(relative, of the points that are sent). Exits with 1 if a frame failed to come or a picture is not
the truth's.
"""

from __future__ import annotations

import re
import sys
import time
from html import unescape
from typing import Annotated, Any

import numpy as np
import torch
import typer
from bokeh.client import ClientSession
from panel.models.reactive_html import DOMEvent
from serving import served, visit, wait_until

from ldensf_app import Dashboard
from ldensf_app.frames import LEVELS, reduced
from ldensf_app.panels import TRUTH
from ldensf_app.readout import percent
from ldensf_app.scene import first_shown
from ldensf_app.settings import Settings
from ldensf_core import get_benchmark, list_benchmarks
from ldensf_core.verification.table import as_text

SAME = 1e-4
"""Relative difference of the pictures that counts as none: sums are in another order on a GPU."""


def main(
    benchmark: Annotated[
        str, typer.Option(help=f"all, or with commas: {', '.join(list_benchmarks())}.")
    ] = "all",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    processes: Annotated[int, typer.Option(help="Of the server.")] = 1,
) -> None:
    """Print one row a benchmark, and one of the first without a server."""
    names = list_benchmarks() if benchmark == "all" else benchmark.split(",")
    with served("--num-procs", str(processes), LDENSF_DEVICE=device) as address:
        with visit(address) as session:
            wait_until(session, lambda: step(session) == 0, "first cycle")
            rows = [played(session, name, device) for name in names]
    rows.append(held(names[0], device))
    print(as_text(rows))
    sys.exit(any(row["off"] > SAME or row["frames"] < 2 for row in rows))


def held(name: str, device: str) -> dict[str, Any]:
    """A benchmark played by a dashboard without a server, as a notebook's cell holds it."""
    start = time.perf_counter()
    dashboard = Dashboard(benchmark=name, device=device)
    dashboard.controls.speed.value = float("inf")
    view, frames, first, last = dashboard.race.view(), set(), None, get_benchmark(name).n_times - 1
    dashboard.play()
    while view.lead.index < last or view.any("paused", "playing", "loading", "queued"):
        time.sleep(0.05)
        dashboard.pull()
        view = dashboard.race.view()
        if view.lead.index >= 0:
            first = first or time.perf_counter() - start
            frames.add(view.lead.index)
        if view.message:
            raise RuntimeError(view.message)
    dashboard.close()
    return {
        "benchmark": f"{name}, no server",
        "first_cycle_s": first,
        "to_the_end_s": time.perf_counter() - start,
        "frames": len(frames),
        "snapshots": last,
        "error": percent(view.latest("ld-ensf").error),
        "off": off(dashboard.page.scene.board.frame, get_benchmark(name), device),
        "device": view.lead.device,
    }


def played(session: ClientSession, name: str, device: str) -> dict[str, Any]:
    """One benchmark from the choice to the last cycle."""
    benchmark = get_benchmark(name)
    last = benchmark.n_times - 1
    start = time.perf_counter()
    widget(session, "Benchmark").data.value = name
    wait_until(
        session,
        lambda: f"/ {last}<" in tiles(session) and step(session) == 0,
        f"first cycle of {name}",
    )
    first = time.perf_counter() - start
    maps, frames = board(session), []
    maps.on_change("frame", lambda attr, old, new: frames.append(new["cycle"]))
    click(session, "Play")
    wait_until(session, lambda: maps.frame["cycle"] == last, f"the last picture of {name}")
    wait_until(session, lambda: step(session) == last, f"the end of {name}")
    wait_until(session, lambda: "%" in tile(session, "ensf"), f"EnSF on {name}")
    return {
        "benchmark": name,
        "first_cycle_s": first,
        "to_the_end_s": time.perf_counter() - start,
        "frames": len(frames),
        "snapshots": last,
        "error": tile(session, "ld-ensf"),
        "off": off(maps.frame, benchmark, device),
        "device": re.search(r"median, on ([^<]*)", tiles(session)).group(1),
    }


def off(frame: dict[str, Any], benchmark: Any, device: str) -> float:
    """Largest difference of a picture from the truth at the last snapshot, over its range.

    Args:
        frame: what the maps were sent last, see ``Scene``.
    """
    setup = Settings(benchmark=benchmark.name, device=device).setup()
    truth = setup.experiment("latent").truth_at(benchmark.n_times - 1)
    expected = reduced(truth[first_shown(benchmark)].numpy())
    there = [panel for panel in frame["panels"] if not panel["empty"]]
    place = [panel["view"] for panel in there].index(TRUTH)
    levels = frame["pixels"].reshape(len(there), *frame["shape"])[place]
    low, high = (there[place][end] for end in ("low", "high"))
    shown = low + levels * ((high - low) / LEVELS)
    return float(np.abs(shown - expected).max() / np.ptp(expected))


def widget(session: ClientSession, label: str) -> Any:
    """The model of the widget whose label begins so."""
    for model in session.document.models:
        data = getattr(model, "data", None)
        if str(getattr(data, "label", "")).startswith(label):
            return model
    raise LookupError(f"there is no widget {label!r} on the page")


class Click(DOMEvent):
    """What a browser sends when a button is pressed; Panel's own class is for the way back."""

    def event_values(self) -> dict[str, Any]:
        """With all that the server looks at."""
        return {"model": self.model, "node": "click", "data": {}}


def click(session: ClientSession, label: str) -> None:
    """Press a button."""
    session.document.callbacks.send_event(Click(model=widget(session, label)))


def tiles(session: ClientSession) -> str:
    """The row of numbers on the page, as HTML; empty before there is one."""
    texts = (getattr(model, "text", "") for model in session.document.models)
    return next((unescape(t) for t in texts if isinstance(t, str) and "counter" in t), "")


def step(session: ClientSession) -> int:
    """Number of the cycle shown; -1 before the first."""
    found = re.search(r'class="counter">(\d+)<', tiles(session))
    return int(found.group(1)) if found else -1


def tile(session: ClientSession, name: str) -> str:
    """The number on the tile of a filter."""
    found = re.search(rf'class="tile {name}".*?class="value">(.*?)<', tiles(session))
    return found.group(1) if found else ""


def board(session: ClientSession) -> Any:
    """What the server tells the component that draws the maps; its ``frame`` is a picture."""
    told = (getattr(model, "data", None) for model in session.document.models)
    return next(data for data in told if hasattr(data, "frame"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
