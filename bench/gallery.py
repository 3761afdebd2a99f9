"""Every scene as the page shows it at its moment, in pictures to look at.

    python bench/gallery.py --to gallery
    python bench/gallery.py --to gallery --scene one-gauge,kolmogorov
    python bench/gallery.py --film docs/images/dashboard.webp

Serves the app and opens it by headless Chromium on the same machine: for each preset, and for the
default scene of each benchmark, which is opened by its name. Plays at the usual speed until the
page tells the preset's moment, without one to the end, and a minute at most; then pauses, and saves
the page as a PNG, light and dark, in windows of a projector's and of a desk's size. Prints a row
for each picture: the step on show, the seconds from pressing play to the moment, how many texts
are cut or lie over others, what the page's scripts raised and what came on the console as an error;
then which texts these are. Texts within a chart are not looked through. Exits with 1 if anything
was found.

With ``--film`` the page that plays the default scene becomes an animated picture instead.

Needs the ``test`` extra; ``LDENSF_CHROMIUM`` names another browser.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from page import APP, CYCLE, FIND, PATIENCE, PLAY, browser, choose, url
from PIL import Image
from playwright.sync_api import Browser, Page, TimeoutError
from serving import served

from ldensf_app.controls import DEFAULT_SPEED
from ldensf_app.presets import presets
from ldensf_app.setup import DEFAULT_FILTERS
from ldensf_core import get_benchmark, list_benchmarks
from ldensf_core.verification.table import as_text

SCHEMES = ("light", "dark")
SIZES = ((1280, 800), (1920, 1080))
MOMENT = ".now"
"""What tells that a preset's moment has come."""

LONGEST = 60.0
"""Seconds for which a scene is played at most."""

FILM_SIZE = (960, 600)
FILM_STEPS = 32
LARGEST = 2_500_000
"""Bytes of a film at most."""
QUALITIES = (80, 70, 60, 50, 40)
FIRST, LAST = 700, 1500
"""Milliseconds that the first and the last picture of a film stay."""

FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")
"""Texts on show that are cut by what holds them, and pairs of which one lies over the other."""


@contextmanager
def visited(chromium: Browser, address: str, size: tuple[int, int]) -> Iterator[tuple[Page, Any]]:
    """The page of a newcomer, its first cycle on show, and what goes wrong there."""
    width, height = size
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(1000 * PATIENCE)
    wrong: dict[str, list[str]] = {"page_errors": [], "console_errors": []}
    page.on("pageerror", lambda error: wrong["page_errors"].append(str(error)))
    page.on(
        "console",
        lambda said: said.type == "error" and wrong["console_errors"].append(said.text),
    )
    page.goto(url(address, APP))
    page.wait_for_function(FIND, arg=list(CYCLE), polling=40)
    yield page, wrong
    page.close()


def open_scene(page: Page, name: str) -> None:
    """Choose a preset, or a benchmark with its default scene, and wait for its first cycle."""
    preset = presets().get(name)
    if preset is None:
        choose(page, name, DEFAULT_FILTERS)
    else:
        page.get_by_role("combobox", name="Scene").click()
        page.get_by_role("menuitem", name=preset.title, exact=True).click()
        page.locator(".look", has_text=preset.sentence).wait_for()
    last = get_benchmark(preset.scenario.benchmark if preset else name).n_times - 1
    page.locator(".tile.step .value", has_text=f"/ {last}").wait_for()
    page.wait_for_function("() => window.cycleOnShow() === 0")


def play_to_moment(page: Page, name: str) -> float | None:
    """Play a scene until the page says what happens at its moment, or to the end, and pause.

    Returns:
        The seconds that took; None if it did not come within ``LONGEST``.
    """
    began, took = time.monotonic(), None
    page.locator(PLAY).click()
    with suppress(TimeoutError):
        if name in presets():
            page.locator(MOMENT).wait_for(timeout=1000 * LONGEST)
        else:
            last = get_benchmark(name).n_times - 1
            page.wait_for_function(f"() => window.cycleOnShow() >= {last}", timeout=1000 * LONGEST)
        took = round(time.monotonic() - began, 1)
    if page.locator(PLAY).inner_text() == "Pause":
        page.locator(PLAY).click()
    return took


def pictures(page: Page, name: str, to: Path) -> Iterator[dict[str, Any]]:
    """Save the page in both schemes and sizes; gives what is seen there, a row each."""
    for scheme in SCHEMES:
        if scheme != SCHEMES[0]:
            page.get_by_role("button", name="Toggle theme").click()
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.mouse.move(1, height - 1)
            page.wait_for_timeout(1200)  # figures are laid out once more
            page.screenshot(path=to / f"{name}-{scheme}-{width}.png")
            seen = {"scheme": scheme, "size": f"{width}x{height}"}
            step = page.evaluate("() => window.cycleOnShow()")
            yield seen | {"step": step} | page.evaluate(FAULTS)


def gallery(names: Sequence[str], to: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of all pictures of some scenes, and what was found in them."""
    to.mkdir(parents=True, exist_ok=True)
    rows, found = [], []
    with browser() as chromium, served() as address:
        for name in names:
            with visited(chromium, address, SIZES[0]) as (page, wrong):
                open_scene(page, name)
                took = play_to_moment(page, name)
                for seen in pictures(page, name, to):
                    faults = {what: seen.pop(what) for what in ("cut", "over")} | wrong
                    row = {"scene": name, **seen, "to_moment_s": took}
                    rows.append(row | {what: len(texts) for what, texts in faults.items()})
                    where = f"{name}, {seen['scheme']}, {seen['size']}"
                    found += [f"{where}: {w}: {t}" for w, texts in faults.items() for t in texts]
                    print(f"{where}: done", file=sys.stderr)
    return rows, found


# -- the film ------------------------------------------------------------------------------


def film(path: Path) -> int:
    """The page that plays the default scene, as an animated picture; returns its bytes.

    A picture is taken of every step that is drawn while the last one is saved, and stays for as
    long as the page would show it: a machine that is too slow for both makes the same film.
    """
    width, height = SIZES[0]
    with browser() as chromium, served() as address:
        with visited(chromium, address, (width, height)) as (page, _):
            page.wait_for_timeout(3000)  # charts come after the maps
            shots = {0: page.screenshot()}
            page.locator(PLAY).click()
            page.mouse.move(1, height - 1)
            while (last := max(shots)) < FILM_STEPS:
                page.wait_for_function("last => window.cycleOnShow() > last", arg=last)
                shots[page.evaluate("() => window.cycleOnShow()")] = page.screenshot()
    data = animated([Image.open(io.BytesIO(shot)) for shot in shots.values()], durations([*shots]))
    path.write_bytes(data)
    return len(data)


def durations(steps: Sequence[int]) -> list[int]:
    """Milliseconds that the picture of each step stays, at the page's usual speed."""
    between = [round(1000 * (b - a) / DEFAULT_SPEED) for a, b in pairwise(steps[1:])]
    return [FIRST, *between, LAST]


def animated(shots: Sequence[Image.Image], milliseconds: Sequence[int]) -> bytes:
    """Pictures as a WebP that repeats, as good as its size allows.

    Raises:
        ValueError: if it is too large all the same.
    """
    first, *others = (s.convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS) for s in shots)
    for quality in QUALITIES:
        file = io.BytesIO()
        first.save(
            file, "WEBP", save_all=True, append_images=others, duration=list(milliseconds),
            loop=0, quality=quality, method=4,
        )  # fmt: skip
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise ValueError(f"{file.tell()} bytes, {LARGEST} are allowed: choose fewer steps")


def main(
    to: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("gallery"),
    scene: Annotated[
        str, typer.Option(help="all, or with commas: names of benchmarks and of presets.")
    ] = "all",
    film_at: Annotated[
        Path | None, typer.Option("--film", help="Make this film, a WebP, and no pictures.")
    ] = None,
) -> None:
    """Save pictures of the scenes and print what is seen on each; or make the film."""
    if film_at:
        print(f"{film_at}: {film(film_at)} bytes")
        return
    known = [*list_benchmarks(), *presets()]
    names = known if scene == "all" else scene.split(",")
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)}; there are {', '.join(known)}")
    rows, found = gallery(names, to)
    print(as_text(rows))
    for line in found:
        print(line, file=sys.stderr)
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
