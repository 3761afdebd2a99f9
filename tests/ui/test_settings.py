"""Settings: at once, from the next cycle, with a reset; other benchmarks; bad ones."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from ldensf_core import get_benchmark
from ldensf_core.observations import LAYOUTS
from tests.ui.acts import (
    PATIENCE,
    advance,
    choose,
    frame,
    pixels,
    press,
    reach,
    reset,
    shown,
    slide,
    status,
    step,
    switch,
    toggle,
)

pytestmark = pytest.mark.alone


def test_noise_is_changed_while_it_runs_and_a_seed_waits_for_reset(page):
    press(page, "play-button")
    reach(page, 2)
    status(page, "noise 0.10")
    slide(page, "Noise", "ArrowRight", times=3)
    status(page, re.compile(r"noise 0\.25.*from step \d+ noise 0\.25"))
    told = int(re.search(r"from step (\d+)", page.locator(".status").inner_text())[1])
    assert told > 2
    expect(page.locator(".notice")).to_have_count(0)
    reach(page, told + 1)
    press(page, "play-button")

    seed = page.locator("input[type=text]").first
    seed.fill("8")
    seed.press("Tab")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("changed: seed – press reset to apply", timeout=PATIENCE)
    expect(page.locator(".status")).to_contain_text("seed 7")
    assert step(page) > 2
    reset(page)
    status(page, re.compile("noise 0.25.*seed 8"))
    expect(notice).to_have_count(0)
    expect(page.locator(".status")).not_to_contain_text("from step")


def filled(page):
    """How many pixels over the truth are a sensor's."""
    over = pixels(page, 0, "over")
    return ((over[..., 3] > 200) & (over[..., :3].max(axis=-1) < 60)).sum()


def test_what_can_change_during_a_run_does_so_from_the_next_cycle(page):
    advance(page, 2)
    before = filled(page)
    choose(page, "Layout", "random")
    status(page, re.compile(r"100 sensors \(grid\).*from step 3 100 sensors placed anew"))
    slide(page, "Members, latent", "ArrowRight")
    status(page, "from step 3 100 sensors placed anew, members 50")
    slide(page, "Missing", "ArrowRight", times=3)
    status(page, "missing 0.3")
    toggle(page, "u")
    status(page, "measured v, eta")
    expect(page.locator(".notice")).to_have_count(0)
    advance(page)
    status(page, "100 sensors (random) of v, η every")
    assert filled(page) < 0.9 * before  # those that report nothing are hollow


def test_a_change_before_the_start_applies_at_once_and_a_bad_one_is_a_message(page):
    page.get_by_role("combobox", name="Layout").click()
    expect(page.get_by_role("menuitem")).to_have_text(list(LAYOUTS))
    page.get_by_role("menuitem", name="random").click()
    status(page, "100 sensors (random)")
    expect(page.locator(".notice")).to_have_count(0)

    for name in ("LD-EnSF", "latent smoother", "EnSF", "no assimilation"):
        toggle(page, name)
    message = page.get_by_role("alert")
    expect(message).to_contain_text("Choose one filter or more", timeout=PATIENCE)
    toggle(page, "LD-EnSF")
    expect(message).to_have_count(0, timeout=PATIENCE)
    expect(page.locator(".tile.ld-ensf .value")).to_contain_text("%", timeout=PATIENCE)
    shown(page, 0)
    advance(page)


def test_a_hidden_model_error_is_chosen_and_gone_with_its_benchmark(page):
    choice = page.get_by_role("combobox", name="Hidden model error")
    expect(choice).to_have_text("none")
    choose(page, "Hidden model error", "deeper water (+10 %)")
    status(page, "hidden model error: deeper water (+10 %)")
    switch(page, "kolmogorov")
    expect(choice).to_have_text("none")
    expect(page.locator(".status")).not_to_contain_text("hidden")
    choice.click()
    expect(page.get_by_role("menuitem", name="stronger drag")).to_be_visible()


def test_options_of_the_chosen_filters_are_edited_and_a_bad_one_is_a_message(page):
    toggle(page, "LETKF")
    page.get_by_text("Options of the filters").click()
    page.get_by_role("button", name="published", exact=True).click()
    status(page, "LD-EnSF: rule published")

    def type_radius(value):
        page.get_by_role("textbox", name=re.compile("^Radius")).click()
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
        page.keyboard.press("Tab")

    type_radius("250")
    status(page, "LETKF: radius 250")
    type_radius("-1")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("radius of 'letkf' = -1", timeout=PATIENCE)
    type_radius("100")  # as it is tuned for the tsunami
    expect(alert).to_have_count(0, timeout=PATIENCE)
    expect(page.locator(".status")).not_to_contain_text("radius")
    shown(page, 0)


@pytest.mark.parametrize(("name", "aspect"), [("kolmogorov", 1.0), ("atmosphere", 2.0)])
def test_another_benchmark_is_shown_in_its_proportions_and_plays(page, name, aspect):
    switch(page, name)
    benchmark = get_benchmark(name)
    expect(page.locator(".notice")).to_have_count(0)
    status(page, f"{np.prod(benchmark.sensor_grid)} sensors (grid)")
    variables = page.locator("select[aria-label='Variable shown'] option")
    expect(variables).to_have_count(len(benchmark.variables))
    for width, height in ((1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for place in range(4):
            box = frame(page, place).bounding_box()
            assert box["width"] == pytest.approx(aspect * box["height"], abs=2)
    before = pixels(page, 0)
    assert (before[..., 3] == 255).all()
    press(page, "play-button")
    reach(page, 3)
    press(page, "play-button")
    expect(page.locator(".play-button button")).to_contain_text("Play", timeout=PATIENCE)
    assert np.abs(pixels(page, 0) - before).max(axis=-1).mean() > 1


def test_a_scene_stays_chosen_until_another_benchmark_is(page):
    choose(page, "Scene", "One gauge is enough")
    status(page, "1 sensor (by hand)")
    chosen = page.get_by_role("combobox", name="Scene")
    page.wait_for_timeout(1000)
    expect(chosen).to_have_text("One gauge is enough")
    expect(page.locator(".look")).to_contain_text("A single gauge")
    switch(page, "kolmogorov")
    expect(chosen).to_have_text("none", timeout=PATIENCE)
