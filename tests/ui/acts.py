"""What a visitor does on the page, and what stands there, in the tests' words."""

import base64
import io
import re
import time
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from ldensf_core import get_benchmark

PATIENCE = 60_000
"""Milliseconds within which the page has to do what was asked for, on a machine that is busy."""

FIGURES = """() => [...Bokeh.index.all_views()]
    .filter((view) => view.model.type == "Figure" && view.frame.bbox.width > 0)"""
DOTS = f"""card => {{
    const view = ({FIGURES})()[card]
    const {{ x, y, name }} = view.model.renderers[2].data_source.data
    return [...name].map((of, n) => [of, Number(x[n]), Number(y[n])])
}}"""


@contextmanager
def opened(browser: Browser, address: str, width: int = 1440, height: int = 900):
    """The app in a window, its first cycle on show; no error may have reached the console."""
    page = browser.new_page(viewport={"width": width, "height": height})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", lambda request: errors.append(f"not found: {request.url}"))
    page.goto(address)
    shown(page, 0)
    try:
        yield page
    finally:
        page.close()
    assert errors == []


# -- the run -------------------------------------------------------------------------------


def step(page: Page) -> int:
    """The cycle that the counter tells."""
    return int(page.locator(".tile .counter").inner_text())


def reach(page: Page, target: int) -> None:
    """Wait until the counter shows a cycle, or a later one."""
    end = time.monotonic() + PATIENCE / 1000
    while step(page) < target:
        assert time.monotonic() < end, f"step {target} was not reached"
        page.wait_for_timeout(50)


def shown(page: Page, cycle: int) -> None:
    """Wait until counter and maps are at a cycle."""
    expect(page.locator(".tile .counter")).to_have_text(str(cycle), timeout=PATIENCE)
    board = page.locator(".board[data-cycle]")
    expect(board).to_have_attribute("data-cycle", str(cycle), timeout=PATIENCE)


def press(page: Page, button: str) -> None:
    """Click one of the buttons of the sidebar, by its class."""
    page.locator(f".{button} button").click()


def advance(page: Page, cycles: int = 1) -> None:
    """Press Step ``n`` times, each once the last has been drawn."""
    for target in range(step(page) + 1, step(page) + 1 + cycles):
        press(page, "step-button")
        shown(page, target)


def reset(page: Page) -> None:
    """Start over and wait for the first cycle."""
    press(page, "reset-button")
    shown(page, 0)


def error(page: Page, name: str) -> float:
    """Error of a filter in percent, as its tile shows it."""
    text = page.locator(f".tile.{name} .value").inner_text()
    return float(re.sub(r"[^\d.]", "", text))


# -- settings ------------------------------------------------------------------------------


def status(page: Page, text: str | re.Pattern) -> None:
    """Wait until the line above the maps says this."""
    expect(page.locator(".status").first).to_contain_text(text, timeout=PATIENCE)


def choose(page: Page, name: str, option: str) -> None:
    """Choose an option of a select of the sidebar."""
    page.get_by_role("combobox", name=name).click()
    page.get_by_role("menuitem", name=option, exact=True).click()


def switch(page: Page, name: str) -> None:
    """Choose another benchmark and wait for its first cycle."""
    benchmark = get_benchmark(name)
    choose(page, "Benchmark", benchmark.title)
    expect(page.locator(".story")).to_contain_text(benchmark.title, timeout=PATIENCE)
    last = f"/ {benchmark.n_times - 1}"
    expect(page.locator(".tile.step .value")).to_contain_text(last, timeout=PATIENCE)
    shown(page, 0)


def toggle(page: Page, name: str) -> None:
    """Choose a filter or a variable, or no longer."""
    page.get_by_role("button", name=name, exact=True).click()


def slide(page: Page, label: str, key: str, times: int = 1) -> None:
    """Move a slider of the sidebar by a key."""
    page.locator(f"input[type=range][aria-label^='{label}']").focus()
    for _ in range(times):
        page.keyboard.press(key)


# -- the maps ------------------------------------------------------------------------------


def frame(page: Page, place: int) -> Locator:
    """The map at a place, from 0."""
    return page.locator(".panel .frame").nth(place)


def spot(page: Page, place: int, right: float, up: float) -> tuple[float, float]:
    """Where on the screen a point of a map lies, given as shares of its width and height."""
    box = frame(page, place).bounding_box()
    return box["x"] + right * box["width"], box["y"] + (1 - up) * box["height"]


def click(page: Page, place: int, right: float, up: float) -> None:
    """Click a point of a map."""
    page.mouse.click(*spot(page, place, right, up))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], place: int = 0) -> None:
    """Drag from one point of a map to another."""
    page.mouse.move(*spot(page, place, *start))
    page.mouse.down()
    page.mouse.move(*spot(page, place, *end), steps=6)
    page.mouse.up()


def pixels(page: Page, place: int, layer: str = "pixels") -> np.ndarray:
    """Colours of a map's canvas, (height, width, 4): its ``pixels``, or what lies ``over`` them."""
    canvas = frame(page, place).locator(f"canvas.{layer}")
    address = canvas.evaluate("canvas => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGBA"), dtype=np.int16)


def is_marked(page: Page, right: float, up: float) -> bool:
    """Whether a sensor is drawn at a point of the truth."""
    over = pixels(page, 0, "over")
    row, column = (1 - up) * over.shape[0], right * over.shape[1]
    near = over[max(round(row) - 2, 0) : round(row) + 3, max(round(column) - 2, 0) :][:, :5]
    return bool((near[..., 3] > 200).any())


def see_marked(page: Page, right: float, up: float, marked: bool = True) -> None:
    """Wait until a sensor is drawn at a point of the truth, or until none is."""
    end = time.monotonic() + PATIENCE / 1000
    while is_marked(page, right, up) != marked:
        assert time.monotonic() < end, f"sensor at {right, up}: not {marked}"
        page.wait_for_timeout(100)


def reading(page: Page, place: int) -> float:
    """The value that a map tells of the point under the pointer."""
    text = page.locator(".panel .readout").nth(place).inner_text()
    return float(re.search(r": (-?[\d.]+)", text)[1])
