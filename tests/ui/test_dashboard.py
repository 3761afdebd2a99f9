"""What a visitor does and sees, in a real browser."""

import io
import re

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from playwright.sync_api import Page, expect

FRAMES = """() => Object.fromEntries([...Bokeh.index.all_views()]
    .filter((view) => view.model.type == "Figure")
    .map((view, i) => [i, [view.frame.bbox.width, view.frame.bbox.height]]))"""


def step(page: Page) -> int:
    return int(page.locator(".tile .step").inner_text())


def reach(page: Page, target: int) -> None:
    page.wait_for_function(
        """(target) => {
            const all = (root) => [...root.querySelectorAll("*")].flatMap(
                (n) => [n, ...(n.shadowRoot ? all(n.shadowRoot) : [])])
            const counter = all(document).find((n) => n.matches(".tile .step"))
            return counter && Number(counter.textContent) >= target
        }""",
        arg=target,
        timeout=90_000,
    )


def error(page: Page, name: str) -> float:
    """Error of a filter in percent, as its tile shows it."""
    text = page.locator(f".tile.{name} .value").inner_text()
    return float(re.sub(r"[^\d.]", "", text))


def picture(page: Page, name: str) -> np.ndarray:
    """Pixels of the map ``name`` as they are on the screen."""
    shot = page.locator(f".card-{name} .bk-Canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float)


def slide(page: Page, label: str, key: str, times: int = 1) -> None:
    page.locator(f"input[type=range][aria-label^='{label}']").focus()
    for _ in range(times):
        page.keyboard.press(key)


def test_play_and_watch_the_estimate_lock_on(page):
    before, first = picture(page, "ld-ensf"), step(page)
    button = page.locator(".play-button button")
    button.click()
    reach(page, first + 10)
    expect(button).to_contain_text("Pause")
    button.click()
    expect(button).to_contain_text("Play", timeout=15_000)
    after = picture(page, "ld-ensf")
    changed = np.abs(after - before).max(axis=-1) > 20
    assert changed.mean() > 0.02
    assert error(page, "ld-ensf") < 0.5 * error(page, "none")
    paused = step(page)
    page.wait_for_timeout(1000)
    assert step(page) == paused


def test_the_estimate_looks_like_the_truth(page):
    slide(page, "Sensors", "Home")  # fewer sensors: they are drawn on the truth alone
    expect(page.locator(".status")).to_contain_text("16 sensors", timeout=15_000)
    slide(page, "Speed", "End")
    button = page.locator(".play-button button")
    button.click()
    reach(page, 15)
    button.click()
    expect(button).to_contain_text("Play", timeout=15_000)
    page.wait_for_timeout(500)
    truth, estimate = picture(page, "truth"), picture(page, "ld-ensf")
    assert truth.shape == estimate.shape
    frame = (slice(20, -40), slice(50, -70))
    assert np.median(np.abs(truth - estimate)[frame].max(axis=-1)) < 30


def test_step_advances_by_one(page):
    first = step(page)
    page.locator(".step-button button").click()
    reach(page, first + 1)
    page.wait_for_timeout(500)
    assert step(page) == first + 1


def test_noise_takes_effect_after_reset(page):
    page.locator(".step-button button").click()
    reach(page, 1)
    status = page.locator(".status")
    expect(status).to_contain_text("noise 0.10")
    slide(page, "Noise", "ArrowRight", times=3)
    expect(page.locator(".notice")).to_contain_text("changed: noise – press reset to apply")
    expect(status).to_contain_text("noise 0.10")
    page.locator(".reset-button button").click()
    expect(status).to_contain_text("noise 0.25", timeout=15_000)
    expect(page.locator(".tile .step")).to_have_text("0", timeout=15_000)
    expect(page.locator(".notice")).to_have_count(0)


def test_a_change_before_the_start_applies_at_once(page):
    page.get_by_role("button", name="random").click()
    expect(page.locator(".status")).to_contain_text("sensors (random)", timeout=15_000)
    expect(page.locator(".notice")).to_have_count(0)


def test_a_bad_choice_is_a_message_and_the_session_lives_on(page):
    filters = [page.get_by_role("button", name=n, exact=True) for n in ("LD-EnSF", "EnSF", "none")]
    for button in filters:
        button.click()
    message = page.get_by_role("alert")
    expect(message).to_contain_text("choose one or more of", timeout=15_000)
    filters[0].click()
    expect(message).to_have_count(0, timeout=15_000)
    expect(page.locator(".tile.ld-ensf .value")).to_contain_text("%", timeout=15_000)


def test_export_downloads_the_run(page):
    page.locator(".step-button button").click()
    reach(page, 1)
    with page.expect_download() as download:
        page.locator(".export-button button").click()
    with xr.open_dataset(download.value.path(), engine="h5netcdf") as run:
        assert run.sizes["time"] >= 2
        assert "eta_mean" in run and run["eta"].attrs["units"] == "m"


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 720), (1440, 790), (1440, 900), (1920, 1080), (2560, 1440)]
)
def test_everything_fits_and_maps_are_square(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(1500)
    overflow = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert overflow == [width, height]
    frames = page.evaluate(FRAMES)
    assert len(frames) == 7
    squares = [f for f in frames.values() if abs(f[0] - f[1]) <= 2]
    assert len(squares) == 5  # the maps and the parameters
    assert min(min(f) for f in frames.values()) > 70
    for name in ("truth", "ld-ensf", "ensf", "spread", "errors", "times", "parameters"):
        box = page.locator(f".card-{name}").bounding_box()
        assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height


def test_dark_mode_keeps_the_figures_readable(page):
    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_timeout(1500)
    corner = picture(page, "errors")[3, 3]
    assert corner.mean() < 60
