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


def test_sensors_added_before_the_first_is_there_are_all_kept(page):
    advance(page)
    page.locator(TOOL).select_option(label="Add a sensor")
    click(page, 0, 0.5, 0.6)
    status(page, "from step 2 101 sensors placed anew")  # the run has taken it, no cycle has it
    expect(page.locator(".panel .note").first).to_have_text("100 sensors")
    see_marked(page, 0.5, 0.6)
    click(page, 0, 0.3, 0.4)
    advance(page)  # too soon for the second one: a cycle with the first comes
    status(page, re.compile("^10[12] sensors"))
    see_marked(page, 0.3, 0.4)
    click(page, 0, 0.7, 0.2)
    status(page, "from step 3 103 sensors placed anew")
    advance(page)
    status(page, re.compile("^103 sensors"))

    press(page, "play-button")
    for right in (0.1, 0.2, 0.4, 0.6, 0.8):
        click(page, 0, right, 0.8)
        page.wait_for_timeout(330)  # pictures with the sensors of before come meanwhile
    status(page, re.compile("^108 sensors"))
    slide(page, "Sensors", "ArrowLeft")  # which leaves what was placed by hand
    status(page, re.compile("^64 sensors"))
    see_marked(page, 0.5, 0.6, marked=False)


def test_sensors_are_added_to_those_of_now_while_an_earlier_cycle_is_shown(page):
    advance(page, 2)
    page.keyboard.press("[")
    expect(page.locator(".board[data-cycle]")).to_have_attribute("data-cycle", "1")
    page.locator(TOOL).select_option(label="Add a sensor")
    click(page, 0, 0.5, 0.6)
    expect(page.locator(".board[data-cycle]")).to_have_attribute("data-cycle", "2")
    see_marked(page, 0.5, 0.6)
    click(page, 0, 0.3, 0.4)
    status(page, "from step 3 102 sensors placed anew")
    advance(page)
    status(page, "102 sensors (by hand)")


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


def test_a_double_click_shows_the_whole_map_and_chooses_no_point(page):
    advance(page)
    places = page.locator(".panel .x-labels").first
    whole = places.text_content()
    chosen = page.locator(".card-parameters .chart-choice")
    page.mouse.move(*spot(page, 0, 0.5, 0.5))
    page.mouse.wheel(0, -300)
    expect(places).not_to_have_text(whole, timeout=PATIENCE)
    page.mouse.dblclick(*spot(page, 1, 0.31, 0.17))
    expect(places).to_have_text(whole, timeout=PATIENCE)
    page.wait_for_timeout(1000)  # longer than a single click waits for a second one
    expect(chosen).to_contain_text("Parameters now")
    assert (pixels(page, 1, "over")[..., 3] == 0).all()  # no cross on the estimate
    click(page, 1, 0.31, 0.17)
    expect(chosen).to_contain_text("At the point clicked", timeout=PATIENCE)
