"""Hands on the maps: sensors dragged, added, removed and brushed, a point clicked."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.ui.acts import (
    DOTS,
    PATIENCE,
    advance,
    click,
    drag,
    frame,
    is_marked,
    pixels,
    press,
    reach,
    reading,
    see_marked,
    slide,
    spot,
    status,
    step,
)

pytestmark = pytest.mark.alone

TOOL = "select[aria-label='What the pointer does on the truth']"
MEANS = f"({DOTS})(2).filter(([name]) => name == 'LD-EnSF')"


def test_a_sensor_is_dragged_before_the_start(page):
    assert is_marked(page, 0.45, 0.55) and not is_marked(page, 0.5, 0.6)
    drag(page, (0.45, 0.55), (0.5, 0.6))
    status(page, "100 sensors (by hand)")
    see_marked(page, 0.5, 0.6)
    see_marked(page, 0.45, 0.55, marked=False)
    assert is_marked(page, 0.55, 0.55)  # its neighbour stays
    advance(page)
    see_marked(page, 0.5, 0.6)


def test_a_sensor_is_dragged_while_it_runs_and_nothing_is_lost(page):
    press(page, "play-button")
    reach(page, 2)
    drag(page, (0.45, 0.55), (0.5, 0.6))
    status(page, re.compile(r"100 sensors \(by hand\).*from step \d+ 100 sensors placed anew"))
    told = int(re.search(r"from step (\d+)", page.locator(".status").inner_text())[1])
    reach(page, told + 1)
    assert step(page) > 2
    see_marked(page, 0.5, 0.6)
    see_marked(page, 0.45, 0.55, marked=False)


def test_sensors_are_added_removed_and_brushed(page):
    page.locator(TOOL).select_option(label="Add a sensor")
    click(page, 0, 0.5, 0.6)
    status(page, "101 sensors (by hand)")
    see_marked(page, 0.5, 0.6)
    expect(page.locator(".panel .note").first).to_have_text("101 sensors", timeout=PATIENCE)
    page.locator(TOOL).select_option(label="Remove a sensor")
    click(page, 0, 0.15, 0.25)
    status(page, "100 sensors (by hand)")
    see_marked(page, 0.15, 0.25, marked=False)

    page.locator(TOOL).select_option(label="Brush: cluster")
    drag(page, (0.6, 0.5), (0.75, 0.5))
    see_marked(page, 0.05, 0.05, marked=False)
    status(page, "100 sensors (by hand)")
    over = pixels(page, 0, "over")
    rows, columns = np.nonzero(over[..., 3] > 200)
    height, width = over.shape[:2]
    away = np.hypot(columns / width - 0.6, 1 - rows / height - 0.5)
    assert len(rows) > 200 and away.max() < 0.15 + 5 / width
    assert away.max() > 0.1

    slide(page, "Sensors", "ArrowLeft")  # number and layout say again where they are
    status(page, "64 sensors (grid)")
    see_marked(page, 1 / 16, 1 / 16)


def test_the_keyboard_does_what_the_pointer_does(page):
    frame(page, 0).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")  # from the middle to a sensor
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    assert is_marked(page, 0.55, 0.55)
    page.keyboard.press("Delete")
    status(page, "99 sensors (by hand)")
    expect(page.locator(".panel .note").first).to_have_text("99 sensors", timeout=PATIENCE)
    page.keyboard.press("Enter")
    chosen = page.locator(".card-parameters .chart-choice")
    expect(chosen).to_contain_text("At the point clicked", timeout=PATIENCE)


def test_a_click_draws_the_series_at_that_point(run):
    advance(run, 2)
    click(run, 1, 0.31, 0.17)
    chosen = run.locator(".card-parameters .chart-choice")
    expect(chosen).to_contain_text("At the point clicked", timeout=PATIENCE)
    run.mouse.move(*spot(run, 1, 0.312, 0.17))
    expect(run.locator(".panel .readout").nth(1)).to_be_visible()
    latest = reading(run, 1)
    run.wait_for_function(f"() => ({MEANS}).length == 3", timeout=PATIENCE)
    dots = [(x, y) for _, x, y in run.evaluate(MEANS)]
    assert max(dots)[1] == pytest.approx(latest, abs=0.002)
    click(run, 1, 0.93, 0.93)
    run.wait_for_function(
        f"then => Math.abs(({MEANS})[2][2] - then) > 1e-3",
        arg=max(dots)[1],
        timeout=PATIENCE,
    )
