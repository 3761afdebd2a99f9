"""The run: played, paused, stepped, without observations, to its end; by buttons and by keys."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.ui.acts import (
    PATIENCE,
    advance,
    error,
    pixels,
    press,
    reach,
    shown,
    slide,
    status,
    step,
    toggle,
)

pytestmark = pytest.mark.alone


def says(page: Page, label: str) -> None:
    expect(page.locator(".play-button button")).to_contain_text(label, timeout=PATIENCE)


def stands_still(page: Page) -> None:
    """The cycle under way is drawn, and no other comes."""
    page.wait_for_timeout(700)
    before = step(page)
    page.wait_for_timeout(700)
    assert step(page) == before


def test_the_first_cycle_is_drawn_before_anything_is_pressed(page):
    says(page, "Play")
    bump = np.ptp(pixels(page, 0)[..., :3], axis=-1) > 60
    assert 0.002 < bump.mean() < 0.5
    sensors = pixels(page, 0, "over")[..., 3] > 200
    assert 0.01 < sensors.mean() < 0.2
    assert (pixels(page, 1)[..., 3] == 255).all()  # an estimate is there too
    assert error(page, "ld-ensf") < error(page, "none")


def test_play_and_watch_the_estimate_lock_on(run):
    before = pixels(run, 1)
    press(run, "play-button")
    says(run, "Pause")
    reach(run, 10)
    press(run, "play-button")
    says(run, "Play")
    stands_still(run)
    shown(run, step(run))
    truth, estimate, spread = (pixels(run, place)[..., :3] for place in (0, 1, 3))
    assert (np.abs(estimate - before[..., :3]).max(axis=-1) > 20).mean() > 0.02
    assert np.median(np.abs(truth - estimate).max(axis=-1)) < 15
    assert np.abs(truth - spread).max(axis=-1).mean() > 30  # another quantity, other colours
    assert error(run, "ld-ensf") < 0.2 * error(run, "none")


def test_one_step_is_one_cycle(run):
    advance(run)
    stands_still(run)
    assert step(run) == 1


def test_an_odd_number_of_quick_clicks_leaves_it_playing_and_an_even_one_does_not(run):
    box = run.locator(".play-button button").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(9):
        run.mouse.click(*middle)
    says(run, "Pause")
    reach(run, step(run) + 3)
    for _ in range(3):
        run.mouse.click(*middle)
    says(run, "Play")
    stands_still(run)


def test_assimilation_is_off_for_some_cycles_and_the_line_says_from_when(run):
    switch = run.locator(".assimilate input")
    advance(run, 2)
    switch.click()
    advance(run)
    status(run, "from step 3 assimilation off")
    bands = run.evaluate(
        """() => [...Bokeh.index.all_views()].filter((view) => view.model.type == "Figure")[0]
            .model.renderers[0].data_source.data.xs.length"""
    )
    assert bands == 1  # grey in the chart of errors
    switch.click()
    advance(run)
    status(run, re.compile("from step 3 assimilation off.*from step 4 assimilation on"))
    expect(switch).to_be_checked()


def test_a_forecast_runs_to_the_end_without_observations(page):
    toggle(page, "EnSF")  # which would take its time
    expect(page.locator(".race .who")).to_have_count(3, timeout=PATIENCE)
    advance(page, 2)
    slide(page, "Speed", "End")
    press(page, "forecast-button")
    reach(page, 50)
    says(page, "Play")
    expect(page.locator(".assimilate input")).not_to_be_checked()
    status(page, "from step 3 assimilation off")
    press(page, "play-button")  # from the end it starts over, with observations
    says(page, "Pause")
    expect(page.locator(".assimilate input")).to_be_checked(timeout=PATIENCE)
    expect(page.locator(".status")).not_to_contain_text("assimilation off", timeout=PATIENCE)


def test_keys_do_what_the_buttons_do(run):
    run.locator(".tile.step").click()  # keys are for the page, not for a button
    run.keyboard.press("Space")
    says(run, "Pause")
    reach(run, 2)
    run.keyboard.press("Space")
    says(run, "Play")
    stands_still(run)
    now = step(run)
    run.keyboard.press(".")
    shown(run, now + 1)
    board = run.locator(".board[data-cycle]")
    run.keyboard.press("[")
    expect(board).to_have_attribute("data-cycle", str(now), timeout=PATIENCE)
    run.keyboard.press("[")
    expect(board).to_have_attribute("data-cycle", str(now - 1), timeout=PATIENCE)
    run.keyboard.press("]")
    expect(board).to_have_attribute("data-cycle", str(now), timeout=PATIENCE)
    run.keyboard.press("l")
    shown(run, now + 1)
    run.keyboard.press("a")
    expect(run.locator(".assimilate input")).not_to_be_checked(timeout=PATIENCE)
    run.keyboard.press("r")
    shown(run, 0)
    expect(run.locator(".assimilate input")).to_be_checked(timeout=PATIENCE)
    run.keyboard.press("f")
    says(run, "Pause")
    reach(run, 2)
    expect(run.locator(".assimilate input")).not_to_be_checked()
