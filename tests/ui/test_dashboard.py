"""What a visitor does and sees, in a real browser."""

import io
import re
import time

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from playwright.sync_api import Page, expect

from ldensf_core import get_benchmark
from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import LAYOUTS

pytestmark = pytest.mark.alone

FRAMES = """() => [...Bokeh.index.all_views()]
    .filter((view) => view.model.type == "Figure")
    .map((view) => [view.frame.bbox.width, view.frame.bbox.height])
    .filter((frame) => frame[0] > 0)"""


HEIGHTS = """() => [...Bokeh.index.all_views()]
    .filter((view) => view.model.type == "Figure" && view.frame.bbox.width > 0)
    .map((view) => [view.layout.bbox.height, view.el.getBoundingClientRect().height])"""


def step(page: Page) -> int:
    return int(page.locator(".tile .counter").inner_text())


def reach(page: Page, target: int) -> None:
    end = time.monotonic() + 90
    while step(page) < target:
        assert time.monotonic() < end, f"step {target} was not reached"
        page.wait_for_timeout(100)


def error(page: Page, name: str) -> float:
    """Error of a filter in percent, as its tile shows it."""
    text = page.locator(f".tile.{name} .value").inner_text()
    return float(re.sub(r"[^\d.]", "", text))


def switch(page: Page, benchmark: Benchmark) -> None:
    """Choose another benchmark and wait for its first cycle."""
    page.get_by_role("combobox").first.click()
    page.get_by_role("menuitem", name=benchmark.title).click()
    expect(page.locator(".story")).to_contain_text(benchmark.title, timeout=30_000)
    last = f"/ {benchmark.n_times - 1}"
    expect(page.locator(".tile.step .value")).to_contain_text(last, timeout=60_000)


def picture(page: Page, name: str) -> np.ndarray:
    """Pixels of the map ``name`` as they are on the screen."""
    shot = page.locator(f".card-{name} .bk-Canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float)


def slide(page: Page, label: str, key: str, times: int = 1) -> None:
    page.locator(f"input[type=range][aria-label^='{label}']").focus()
    for _ in range(times):
        page.keyboard.press(key)


def test_the_first_cycle_is_drawn_before_anything_is_pressed(page):
    page.wait_for_timeout(2000)
    truth = picture(page, "truth")
    dark = (truth.max(axis=-1) < 90).mean()  # a hundred sensors, beside the axes' text
    coloured = (np.ptp(truth, axis=-1) > 60)[20:-40, 50:-110]  # the bump, colour bar left out
    assert dark > 0.005
    assert coloured.mean() > 0.002


def test_play_and_watch_the_estimate_lock_on(page):
    before, first = picture(page, "latent"), step(page)
    button = page.locator(".play-button button")
    button.click()
    reach(page, first + 10)
    expect(button).to_contain_text("Pause")
    button.click()
    expect(button).to_contain_text("Play", timeout=30_000)
    after = picture(page, "latent")
    changed = np.abs(after - before).max(axis=-1) > 20
    assert changed.mean() > 0.02
    assert error(page, "ld-ensf") < 0.5 * error(page, "none")
    inside = (slice(20, -40), slice(50, -70))  # of the frame; sensors cover few of its pixels
    difference = np.abs(picture(page, "truth") - after)[inside].max(axis=-1)
    assert np.median(difference) < 30

    page.wait_for_timeout(1000)  # the button tells what was asked for; a cycle may be under way
    paused = step(page)
    page.wait_for_timeout(1000)
    assert step(page) == paused
    page.locator(".step-button button").click()
    reach(page, paused + 1)
    page.wait_for_timeout(500)
    assert step(page) == paused + 1


def test_noise_takes_effect_after_reset_and_the_run_can_be_exported(page):
    page.locator(".step-button button").click()
    reach(page, 1)
    status = page.locator(".status")
    expect(status).to_contain_text("noise 0.10")
    slide(page, "Noise", "ArrowRight", times=3)
    expect(page.locator(".notice")).to_contain_text("changed: noise – press reset to apply")
    expect(status).to_contain_text("noise 0.10")
    page.locator(".reset-button button").click()
    expect(status).to_contain_text("noise 0.25", timeout=30_000)
    expect(page.locator(".tile .counter")).to_have_text("0", timeout=30_000)
    expect(page.locator(".notice")).to_have_count(0)

    with page.expect_download() as download:
        page.locator(".export-button button").click()
    with xr.open_dataset(download.value.path(), engine="h5netcdf") as run:
        assert run.sizes["time"] >= 1
        assert run.attrs["noise"] == 0.25
        assert "eta_mean" in run and run["eta"].attrs["units"] == "m"


def test_a_change_before_the_start_applies_at_once_and_a_bad_one_is_a_message(page):
    page.get_by_role("combobox", name="Layout").click()
    expect(page.get_by_role("menuitem")).to_have_text(list(LAYOUTS))
    page.get_by_role("menuitem", name="random").click()
    expect(page.locator(".status")).to_contain_text("sensors (random)", timeout=30_000)
    expect(page.locator(".notice")).to_have_count(0)

    names = "LD-EnSF", "latent smoother", "EnSF", "no assimilation"
    filters = [page.get_by_role("button", name=name, exact=True) for name in names]
    for button in filters:
        button.click()
    message = page.get_by_role("alert")
    expect(message).to_contain_text("Choose one filter or more", timeout=30_000)
    filters[0].click()
    expect(message).to_have_count(0, timeout=30_000)
    expect(page.locator(".tile.ld-ensf .value")).to_contain_text("%", timeout=30_000)


def test_a_hidden_model_error_is_chosen_and_gone_with_its_benchmark(page):
    choice = page.get_by_role("combobox").nth(1)
    expect(choice).to_have_text("none")
    choice.click()
    page.get_by_role("menuitem", name="deeper water").click()
    status = page.locator(".status")
    expect(status).to_contain_text("hidden model error: deeper water (+10 %)", timeout=30_000)
    switch(page, get_benchmark("kolmogorov"))
    expect(choice).to_have_text("none")
    expect(status).not_to_contain_text("hidden")
    choice.click()
    expect(page.get_by_role("menuitem", name="stronger drag")).to_be_visible()


def test_options_of_the_chosen_filters_are_edited_and_a_bad_one_is_a_message(page):
    page.get_by_role("button", name="LETKF", exact=True).click()
    expect(page.locator(".card-errors .legend")).to_contain_text("LETKF", timeout=30_000)
    page.get_by_text("Options of the filters").click()
    page.get_by_role("button", name="published", exact=True).click()
    status = page.locator(".status")
    expect(status).to_contain_text("LD-EnSF: rule published", timeout=30_000)

    def type_radius(value):
        page.get_by_role("textbox", name=re.compile("^Radius")).click()
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
        page.keyboard.press("Tab")

    type_radius("250")
    expect(status).to_contain_text("LETKF: radius 250", timeout=30_000)
    type_radius("-1")
    expect(page.get_by_role("alert")).to_contain_text("radius of 'letkf' = -1", timeout=30_000)
    type_radius("100")  # as it is tuned for the tsunami
    expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)
    expect(status).not_to_contain_text("radius")


def test_everything_fits_maps_are_square_and_dark_mode_is_dark(page):
    for width, height in ((1280, 720), (1440, 790), (1440, 900), (1920, 1080), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        document = page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert document == [width, height]
        frames = page.evaluate(FRAMES)
        assert len(frames) == 7  # the eighth is for a single parameter
        squares = [f for f in frames if abs(f[0] - f[1]) <= 2]
        assert len(squares) == 5  # the maps and the parameters
        assert min(min(f) for f in frames) > 60
        for name in ("truth", "latent", "full-space", "spread", "errors", "times", "parameters"):
            box = page.locator(f".card-{name}").bounding_box()
            assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height

    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_timeout(1500)
    assert picture(page, "errors")[3, 3].mean() < 60


def test_with_all_filters_and_in_a_small_window_nothing_is_cut_off(page):
    for name in ("latent ETKF", "latent EnKF", "EnSF inpainting", "LETKF", "Latent-EnSF"):
        page.get_by_role("button", name=name, exact=True).click()
    page.locator(".reset-button button").click()
    expect(page.locator(".card-errors .legend")).to_contain_text("EnSF inpainting", timeout=30_000)
    page.wait_for_timeout(1500)
    for laid_out, given in page.evaluate(HEIGHTS):  # of figures below legends that have grown
        assert laid_out == pytest.approx(given, abs=1)
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_timeout(1500)
    for card, words in {
        ".tile": ".name, .value, .sub",
        ".card-errors": ".legend",
        ".card-times": ".legend",
        ".card-parameters": ".numbers span, .numbers b",
    }.items():
        for frame in page.locator(card).all():
            outer = frame.bounding_box()
            for text in frame.locator(words).all():
                if not text.is_visible():  # the prior gives way where there is no room
                    continue
                inner = text.bounding_box()
                for start, length in (("x", "width"), ("y", "height")):
                    assert inner[start] >= outer[start], text.inner_text()
                    end = outer[start] + outer[length]
                    assert inner[start] + inner[length] <= end, text.inner_text()
                assert text.evaluate("e => e.scrollWidth <= e.clientWidth"), text.inner_text()
                if words == ".legend":
                    figure = frame.locator(".bk-Canvas").first.bounding_box()
                    assert inner["y"] + inner["height"] <= figure["y"] + 1


@pytest.mark.parametrize(("name", "aspect"), [("kolmogorov", 1.0), ("atmosphere", 2.0)])
def test_another_benchmark_is_shown_in_its_proportions_and_plays(page, name, aspect):
    benchmark = get_benchmark(name)
    switch(page, benchmark)
    expect(page.locator(".tile .counter")).to_have_text("0")
    expect(page.locator(".notice")).to_have_count(0)
    sensors = 100 if name == "kolmogorov" else 512
    expect(page.locator(".status")).to_contain_text(f"{sensors} sensors (grid)")
    expect(page.get_by_text(f"Sensors: {sensors}")).to_be_visible()
    for width, height in ((1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        document = page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert document == [width, height]
        maps = page.evaluate(FRAMES)[:4]
        assert all(w == pytest.approx(aspect * h, abs=2) for w, h in maps)
    before = picture(page, "truth")
    page.locator(".play-button button").click()
    reach(page, 3)
    page.locator(".play-button button").click()
    page.wait_for_timeout(1000)
    assert np.abs(picture(page, "truth") - before).max(axis=-1).mean() > 1
