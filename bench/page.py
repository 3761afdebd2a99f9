"""The page as a visitor has it, in a real browser, with a bare page beside it.

    python bench/page.py --seconds 20 --json > page.json
    python bench/page.py --visitors 10 --minutes 5

Serves the app in a separate process, opens it by headless Chromium on the same machine, each time
with an empty cache and then once more, and waits until a cycle is drawn. Then it plays every
benchmark at the highest speed, with LD-EnSF alone and with the filters of the default scene, and
counts the frames in which another cycle is on show. The same is done with ``bare_page.py``: what
Panel and the browser take without anything of ours. With ``--visitors`` many play at once by
Bokeh's client instead, without a browser. Exits with 1 if a page or a visitor failed.

Needs the ``test`` extra; ``LDENSF_CHROMIUM`` names another browser.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Annotated, Any

import bare_page
import numpy as np
import typer
from bokeh.document import Document
from crowd import crowd
from panel.io.state import set_curdoc
from playwright.sync_api import Browser, Page, sync_playwright
from serving import served
from sessions import monitor

from ldensf_app.sessions import build
from ldensf_app.setup import DEFAULT_FILTERS
from ldensf_core import FILTERS, get_benchmark, list_benchmarks
from ldensf_core.device import environment
from ldensf_core.verification.table import as_text

BARE, APP = "bench/bare_page.py", "app"
PATIENCE = 120.0
"""Seconds to a first cycle, or to the next frame."""
PAUSE = 4.0
"""Seconds in which a server ends what it does for a page after its first cycle."""
LET_GO = 35.0
"""Seconds after which a server has let go of a closed page; the bare one plays on until then."""
WINDOW = {"width": 1440, "height": 900}
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")

# -- what is looked for on the page -------------------------------------------------------

CYCLE = ("[data-cycle]", ".tile .counter")
"""What has the number of the cycle on show: in the attribute, else as its text."""
PLAY, RESET = ".play-button button", ".reset-button button"
SPEED = "input[type=range][aria-label^='Speed']"

FIND = """(selectors) => {
    const seek = (root, selector) => {
        const found = root.querySelector(selector)
        if (found)
            return found
        for (const { shadowRoot } of root.querySelectorAll("*")) {
            const within = shadowRoot && seek(shadowRoot, selector)
            if (within)
                return within
        }
        return null
    }
    for (const selector of selectors) {
        const mark = seek(document, selector)
        const read = (mark) => mark && (mark.dataset.cycle ?? mark.textContent)
        if (mark && Number.parseInt(read(mark)) >= 0) {
            const root = mark.getRootNode()
            window.cycleOnShow = () => Number.parseInt(read(root.querySelector(selector)) ?? -1)
            return performance.now() / 1000
        }
    }
    return null
}"""
"""Seconds since the page was asked for, once a cycle is on show; else null."""

COUNT = """() => {
    const frames = window.framesDrawn = []
    let last = window.cycleOnShow()
    const look = (now) => {
        if (window.framesDrawn !== frames)
            return
        const cycle = window.cycleOnShow()
        if (cycle !== last && cycle > 0)
            frames.push([now / 1000, cycle])
        if (cycle >= 0)
            last = cycle
        requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
}"""
"""Note from now on the second of every frame in which another cycle is on show, and which."""

OVER = """([end, patience]) => {
    const [second, cycle] = window.framesDrawn.at(-1) ?? [Infinity, -1]
    return cycle >= end || performance.now() / 1000 - second > patience
}"""


# -- in the browser -----------------------------------------------------------------------


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window: of the system, or playwright's own."""
    path = os.environ.get("LDENSF_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@contextmanager
def opened(within: Any, url: str, errors: list[str]) -> Iterator[tuple[Page, float]]:
    """A page ``within`` a browser or its context, and the seconds until its first cycle.

    Args:
        errors: takes what the page's scripts raise.
    """
    page = within.new_page()
    page.set_viewport_size(WINDOW)
    page.set_default_timeout(1000 * PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url, wait_until="commit")
    # Looked for 25 times a second: more often takes the browser from the page.
    found = page.wait_for_function(FIND, arg=list(CYCLE), polling=40)
    yield page, found.json_value()
    page.close()


def opening(chromium: Browser, what: str, opens: int, errors: list[str]) -> dict[str, Any]:
    """Times to the first cycle, of a new server and then of one that has been asked before."""
    cold, again, blocks = [], [], []
    arguments = ("--plugins", "sessions") if what == APP else ()
    with served(*arguments, what=what) as address:
        for _ in range(1 + opens):  # the first loads what all share
            context = chromium.new_context()
            for seconds in (cold, again):
                if arguments:
                    monitor(address)
                with opened(context, url(address, what), errors) as (page, first):
                    seconds.append(first)
                    if arguments:
                        blocks.append(monitor(address)["longest_block_s"])
                    page.wait_for_timeout(1000 * PAUSE)
                if what == BARE:
                    time.sleep(LET_GO)
            context.close()
    return {
        "first_of_server_s": cold[0],
        "first_cycle_s": float(np.median(cold[1:])),
        "again_s": float(np.median(again[1:])),
        "longest_block_s": max(blocks[2:]) if blocks else None,
    }


def url(address: str, what: str) -> str:
    """Where the page is that a server has of a folder or a script."""
    return f"{address}/{os.path.basename(what).removesuffix('.py')}"


def choose(page: Page, benchmark: str, filters: Sequence[str]) -> None:
    """Set up a run by the sidebar, paused at its first cycle."""
    title = get_benchmark(benchmark).title
    choice = page.get_by_role("combobox", name="Benchmark")
    if choice.inner_text() != title:
        choice.click()
        page.get_by_role("menuitem", name=title).click()
        page.wait_for_timeout(1000)  # the filters that can run may be others
    for name, of in FILTERS.items():
        button = page.get_by_role("button", name=of.title, exact=True)
        if (button.get_attribute("aria-pressed") == "true") != (name in filters):
            button.click()


def play(page: Page, end: int) -> list[tuple[float, int]]:
    """One run from its reset to the cycle ``end``: second and cycle of every frame drawn."""
    page.locator(RESET).click()
    page.wait_for_function("() => window.cycleOnShow() === 0")
    page.evaluate(COUNT)
    page.locator(PLAY).click()
    page.wait_for_function(OVER, arg=[end, PATIENCE], polling=100)
    return page.evaluate("() => window.framesDrawn")


def playing(page: Page, benchmark: str, filters: Sequence[str], seconds: float) -> dict[str, Any]:
    """Frames of the runs that begin within some seconds, at the highest speed."""
    choose(page, benchmark, filters)
    page.locator(SPEED).focus()
    page.keyboard.press("End")
    runs, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        runs.append(play(page, get_benchmark(benchmark).n_times - 1))
    titles = ", ".join(FILTERS[name].title for name in filters)
    return {"page": "dashboard", "benchmark": benchmark, "filters": titles, **frames(runs)}


def watching(page: Page, seconds: float) -> dict[str, Any]:
    """Frames of a page that plays by itself."""
    page.evaluate(COUNT)
    page.wait_for_timeout(1000 * seconds)
    drawn = page.evaluate("() => window.framesDrawn")
    return {"page": "bare", "benchmark": None, "filters": None, **frames([drawn])}


def frames(runs: Sequence[Sequence[tuple[float, int]]]) -> dict[str, Any]:
    """Frames a second of some runs, each from its first frame to its last.

    Args:
        runs: second and cycle of every frame.
    """
    lasted = sum(run[-1][0] - run[0][0] for run in runs if run)
    return {
        "runs": len(runs),
        "frames": sum(map(len, runs)),
        "frames_per_s": sum(len(run) - 1 for run in runs if run) / lasted if lasted else None,
    }


# -- in this process ----------------------------------------------------------------------


def bare(document: Document) -> None:
    """Put the bare page on a document."""
    with set_curdoc(document):
        bare_page.page().servable()


class Session:
    """What Bokeh knows of a session, as far as a page asks for it."""

    id, server_context, token_payload = "measured", None, {}
    request = SimpleNamespace(arguments={}, path="/app", headers={}, cookies={})

    def __init__(self, document: Document) -> None:
        self._document = document
        document._session_context = weakref.ref(self)  # there is no public way


def building(fill: Callable[[Document], None], times: int) -> dict[str, Any]:
    """Seconds in which a server builds a document, after a first one, and how many models it has.

    What the dashboard's workers compute meanwhile takes its share, as it does in a server.
    """
    took = []
    for _ in range(1 + times):
        document = Document()
        session = Session(document)
        start = time.perf_counter()
        fill(document)
        took.append(time.perf_counter() - start)
        models = len(list(document.models))
        time.sleep(PAUSE)
        for ended in document.session_destroyed_callbacks:
            ended(session)
    return {"models": models, "build_s": float(np.median(took[1:]))}


def main(
    seconds: Annotated[float, typer.Option(help="Of play, for each row.")] = 20.0,
    opens: Annotated[int, typer.Option(help="Of each page, after the first.")] = 3,
    benchmark: Annotated[
        str, typer.Option(help=f"all, or with commas: {', '.join(list_benchmarks())}.")
    ] = "all",
    visitors: Annotated[int, typer.Option(help="Who play at once, instead of all else.")] = 0,
    minutes: Annotated[float, typer.Option(help="How long they stay.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print what opening each page takes, and the frames of each benchmark; or what a crowd saw."""
    if visitors:
        summary, errors = crowd(visitors, minutes)
        document = {"visitors": [summary]}
    else:
        names = list_benchmarks() if benchmark == "all" else benchmark.split(",")
        document, errors = measured(names, seconds, opens)
    if as_json:
        print(json.dumps(document | {"environment": environment()}, indent=2))
    else:
        print("\n\n".join(map(as_text, document.values())))
    for error in errors:
        print(error, file=sys.stderr)
    raise typer.Exit(1 if errors else 0)


def measured(
    benchmarks: Sequence[str], seconds: float, opens: int
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Rows of opening and of playing, the dashboard's and the bare page's, and errors."""
    errors: list[str] = []
    built = {BARE: building(bare, opens), APP: building(build, opens)}
    rows: dict[str, list[dict[str, Any]]] = {"opening": [], "playing": []}
    with browser() as chromium:
        for what, name in ((BARE, "bare"), (APP, "dashboard")):
            found = opening(chromium, what, opens, errors)
            rows["opening"].append({"page": name, **built[what], **found})
        with served(what=BARE) as address:
            with opened(chromium, url(address, BARE), errors) as (page, _):
                page.wait_for_timeout(1000 * PAUSE)
                rows["playing"].append(watching(page, seconds))
        with served() as address:
            with opened(chromium, url(address, APP), errors) as (page, _):
                page.wait_for_timeout(1000 * PAUSE)
                for name in benchmarks:
                    for filters in (("ld-ensf",), DEFAULT_FILTERS):
                        rows["playing"].append(playing(page, name, filters, seconds))
    return rows, errors


if __name__ == "__main__":
    typer.run(main)
