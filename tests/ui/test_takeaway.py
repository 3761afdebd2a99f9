"""What can be taken away: a dataset, a picture, a film, a link, lines of Python."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import xarray as xr
from PIL import Image
from playwright.sync_api import Page, expect

import ldensf_core as ld
from tests.ui.acts import PATIENCE, advance, opened, slide, status, step, toggle

pytestmark = pytest.mark.alone


def take(page: Page, kind: str) -> Path:
    """Press a button that gives a file, and return where it is."""
    with page.expect_download(timeout=PATIENCE) as download:
        page.locator(f".take-{kind} button").click()
    assert download.value.suggested_filename.startswith("ldensf-run")
    return download.value.path()


@pytest.fixture(scope="module")
def changed(window):
    """A run of the filters that are quick: noise changed at step 2, no observations from 4 on."""
    toggle(window, "EnSF")
    expect(window.locator(".race .who")).to_have_count(3, timeout=PATIENCE)
    advance(window)
    slide(window, "Noise", "ArrowRight", times=2)
    status(window, "from step 2 noise 0.2")
    advance(window, 2)
    window.locator(".assimilate input").click()
    advance(window)
    status(window, "from step 4 assimilation off")
    advance(window)
    return window


@pytest.fixture(scope="module")
def in_library():
    """Errors of the same run by the library alone, (filter, time)."""
    experiment = ld.TwinExperiment(
        "tsunami",
        filters=["ld-ensf", "latent-smoother", "none"],
        members=20,
        noise=0.1,
        seed=7,
        device="cpu",
        changes=[(2, {"noise": 0.2}), (4, {"assimilate": False})],
    )
    return experiment.run().rel_rmse.isel(time=slice(6))


def test_the_dataset_is_what_the_library_computes(changed, in_library):
    with xr.open_dataset(take(changed, "netcdf"), engine="h5netcdf") as run:
        assert run.sizes["time"] == 6
        assert run["eta"].attrs["units"] == "m"
        assert list(run.filter.values) == list(in_library.filter.values)
        np.testing.assert_allclose(run.rel_rmse, in_library, rtol=1e-5)


def test_the_picture_is_one_of_the_run(changed):
    with Image.open(take(changed, "png")) as picture:
        assert picture.format == "PNG" and min(picture.size) > 400
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 200


def test_the_film_has_a_picture_of_every_cycle(changed):
    with av.open(str(take(changed, "mp4"))) as film:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(frames) >= 6
    assert np.abs(frames[0] - frames[-1]).max() > 60


def errors(page: Page) -> list[str]:
    return page.locator(".tile.ld-ensf .value, .tile.none .value").all_inner_texts()


def offered(page: Page, kind: str) -> str:
    """The text of the dialog that a button opens."""
    page.locator(f".take-{kind} button").click()
    field = page.locator("dialog[open] textarea")
    expect(field).to_be_visible(timeout=PATIENCE)
    text = field.input_value()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    return text


def test_a_link_opens_the_same_scene_with_the_same_numbers(changed, browser):
    link = offered(changed, "link")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/app\?scene=[\w.-]+", link)
    with opened(browser, link) as other:  # which shares no memory with the first
        advance(other, step(changed))
        assert errors(other) == errors(changed)
        status(other, "from step 2 noise 0.2 · from step 4 assimilation off")


def test_the_lines_of_python_give_the_same_numbers(changed, in_library):
    lines = offered(changed, "python")
    assert "import ldensf_core as ld" in lines
    names = {}
    exec(lines.replace("print(", "(lambda _: None)("), names)
    found = names["result"].rel_rmse.isel(time=slice(6))
    np.testing.assert_allclose(found, in_library, rtol=1e-5)
