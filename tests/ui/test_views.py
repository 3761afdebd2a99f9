"""What maps and charts show: views, variables, the window, values, cycles gone by."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import ldensf_core as ld
from tests.ui.acts import (
    DOTS,
    PATIENCE,
    advance,
    frame,
    pixels,
    reading,
    shown,
    spot,
    step,
)

pytestmark = pytest.mark.alone

VARIABLE = "select[aria-label='Variable shown']"


def zooms(page: Page) -> list[tuple[str, str, str, str]]:
    """Where the picture lies in each frame, and how large it is."""
    pictures = page.locator(".panel canvas.pixels").all()
    style = "e => [e.style.left, e.style.top, e.style.width, e.style.height]"
    return [tuple(picture.evaluate(style)) for picture in pictures]


def test_every_map_shows_what_is_chosen_for_it(run):
    units = run.locator(".panel .unit")
    expect(units).to_have_text(["η (m)", "η (m)", "η (m)", "σ(η) (m)"])
    choice = run.get_by_label("What map 4 shows")
    choice.select_option(label="LD-EnSF: error")
    expect(units).to_have_text(["η (m)", "η (m)", "η (m)", "error of η (m)"], timeout=PATIENCE)
    run.get_by_label("What map 2 shows").select_option(label="latent smoother")
    advance(run)
    expect(choice.locator("option:checked")).to_have_text("LD-EnSF: error")
    expect(run.get_by_label("What map 2 shows").locator("option:checked")).to_have_text(
        "latent smoother"
    )
    run.get_by_label("What map 2 shows").select_option(label="LD-EnSF")
    expect(frame(run, 1)).to_have_attribute("aria-label", re.compile("^LD-EnSF"), timeout=PATIENCE)
    run.mouse.move(*spot(run, 0, 0.305, 0.125))
    truth, mean, _, difference = (reading(run, place) for place in range(4))
    assert mean - truth == pytest.approx(difference, abs=0.012)  # the truth has two decimals
    choice.select_option(label="LD-EnSF: uncertainty")
    expect(units.nth(3)).to_have_text("σ(η) (m)", timeout=PATIENCE)


def test_the_wheel_zooms_all_maps_and_whole_map_shows_all_again(run):
    whole = zooms(run)
    run.mouse.move(*spot(run, 2, 0.25, 0.25))
    for _ in range(3):
        run.mouse.wheel(0, -120)
    expect(frame(run, 0).locator("canvas.pixels")).not_to_have_css("left", "0px")
    nearer = zooms(run)
    assert len(set(nearer)) == 1
    assert float(nearer[0][2][:-2]) > 1.5 * float(whole[0][2][:-2])
    run.get_by_role("button", name="Whole map").click()
    expect(frame(run, 0).locator("canvas.pixels")).to_have_css("left", "0px")
    assert zooms(run) == whole


def test_all_maps_tell_the_value_at_the_pointer_in_units(run):
    benchmark = ld.get_benchmark("tsunami")
    first = next(iter(ld.TwinExperiment(benchmark, filters=["none"])))
    truth = first.truth[-1].numpy()
    source = np.unravel_index(np.argmax(truth), truth.shape)
    for row, column in (source, (100, 30)):
        up, right = ((n + 0.5) / side for n, side in zip((row, column), truth.shape, strict=True))
        place_read = re.compile(f"^{1000 * right:.0f} km, {1000 * up:.0f} km: ")
        for _ in range(20):  # the page may still move under the pointer
            run.mouse.move(*spot(run, 0, right, up))
            if place_read.match(run.locator(".panel .readout").first.inner_text()):
                break
            run.wait_for_timeout(100)
        for place in range(4):
            told = run.locator(".panel .readout").nth(place)
            expect(told).to_have_text(re.compile(r"^\d+ km, \d+ km: -?\d+\.\d+ m$"))
            east, north = map(int, re.findall(r"(\d+) km", told.inner_text()))
            assert east == pytest.approx(1000 * right, abs=4)
            assert north == pytest.approx(1000 * up, abs=4)
        near = truth[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert near.min() - 0.01 <= reading(run, 0) <= near.max() + 0.01
    run.mouse.move(5, 5)
    expect(run.locator(".panel .readout").first).to_be_hidden()


def test_another_variable_is_shown_on_all_maps(run):
    advance(run, 2)
    before = pixels(run, 0)
    choice = run.locator(VARIABLE)
    expect(choice.locator("option")).to_have_text(["u (m/s)", "v (m/s)", "η (m)"])
    choice.select_option(label="v (m/s)")
    units = run.locator(".panel .unit")
    expect(units).to_have_text(["v (m/s)"] * 3 + ["σ(v) (m/s)"], timeout=PATIENCE)
    assert np.abs(pixels(run, 0) - before).max(axis=-1).mean() > 3
    choice.select_option(label="η (m)")
    expect(units.first).to_have_text("η (m)", timeout=PATIENCE)


def test_one_goes_back_through_the_run_while_it_goes_on_and_returns(run):
    run.mouse.move(*spot(run, 0, 0.305, 0.125))
    values = []
    for cycle in range(5):
        shown(run, cycle)
        run.mouse.move(*spot(run, 0, 0.305, 0.125))
        values.append(reading(run, 0))
        advance(run)
    board, scrub = run.locator(".board[data-cycle]"), run.get_by_label("Go back through the run")
    scrub.fill("1")
    expect(board).to_have_attribute("data-cycle", "1", timeout=PATIENCE)
    expect(run.locator(".below output")).to_have_text(re.compile("^step 1, .* earlier$"))
    run.mouse.move(*spot(run, 0, 0.305, 0.125))
    assert reading(run, 0) == values[1] != values[4]
    run.locator(".step-button button").click()
    expect(run.locator(".tile .counter")).to_have_text("6", timeout=PATIENCE)
    expect(board).to_have_attribute("data-cycle", "1")
    live = run.get_by_role("button", name="Live", exact=True)
    live.click()
    shown(run, step(run))
    expect(live).to_be_disabled()


def test_charts_show_what_is_chosen(run):
    advance(run, 2)
    card = run.locator(".card-errors .chart-choice")
    card.get_by_role("combobox").click()
    run.get_by_role("menuitem", name="χ²/n of innovations").click()
    expect(card).to_contain_text("χ²/n", timeout=PATIENCE)
    run.wait_for_function(
        f"() => ({DOTS})(0).some(([name, x, y]) => name == 'LD-EnSF' && y > 0.5 && y < 20)",
        timeout=PATIENCE,
    )
    card.get_by_role("combobox").click()
    run.get_by_role("menuitem", name="Error, spread").click()
    run.wait_for_function(
        f"() => ({DOTS})(0).filter(([name]) => name == 'no assimilation').length == 3",
        timeout=PATIENCE,
    )
