"""Everything fits: windows of several sizes, both themes, many filters."""

import pytest
from playwright.sync_api import Page, expect

from tests.ui.acts import FIGURES, PATIENCE, advance, frame, reset, toggle

pytestmark = pytest.mark.alone

SIZES = ((1280, 800), (1920, 1080), (1024, 768))
DOCUMENT = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
PARTS = (".tile", ".panel", ".below", ".card-errors", ".card-times", ".card-parameters")
TEXTS = ".tile .name, .tile .value, .tile .sub, .panel .unit, .race, .numbers span"
HEIGHTS = f"""() => ({FIGURES})()
    .map((view) => [view.layout.bbox.height, view.el.getBoundingClientRect().height])"""


def settled(page: Page) -> None:
    """Wait until sizes no longer change."""
    sizes = None
    for _ in range(50):
        page.wait_for_timeout(150)
        now = [box.bounding_box() for box in page.locator(", ".join(PARTS)).all()]
        if now == sizes:
            return
        sizes = now
    raise AssertionError("the page does not come to rest")


def fits(page: Page, width: int, height: int) -> None:
    """Nothing overflows: no part of the page the window, no text its part."""
    assert page.evaluate(DOCUMENT) == [width, height]
    for part in page.locator(", ".join(PARTS)).all():
        box = part.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, part.inner_text()
        if width >= 1280:  # in a small window one scrolls down to the charts
            assert box["y"] + box["height"] <= height, part.inner_text()
    for place in range(4):
        box = frame(page, place).bounding_box()
        assert min(box["width"], box["height"]) >= 130
        assert box["width"] == pytest.approx(box["height"], abs=2)
    for text in page.locator(TEXTS).all():
        if text.is_visible():
            assert text.evaluate("e => e.scrollWidth <= e.clientWidth + 1 || !e.clientWidth"), (
                f"{width}: {text.inner_text()}"
            )
    for laid_out, given in page.evaluate(HEIGHTS):
        assert laid_out == pytest.approx(given, abs=1)


def ground(page: Page) -> float:
    """How bright the ground of the first card is, 0 to 255."""
    colour = page.locator(".card-errors").evaluate("e => getComputedStyle(e).backgroundColor")
    return sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3


def test_everything_fits_light_and_dark(page):
    advance(page, 2)
    expect(page.locator(".tile.hero .value")).to_contain_text("faster", timeout=PATIENCE)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        fits(page, width, height)
    assert ground(page) > 200
    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_timeout(500)
    assert ground(page) < 60
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        fits(page, width, height)


def test_with_all_filters_nothing_is_cut_off(page):
    names = ("latent ETKF", "latent EnKF", "encoder alone", "EnSF inpainting", "LETKF")
    for name in (*names, "Latent-EnSF"):
        toggle(page, name)
    reset(page)
    expect(page.locator(".race .who")).to_have_count(10, timeout=PATIENCE)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        fits(page, width, height)
