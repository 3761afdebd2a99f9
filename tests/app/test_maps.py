import math
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document

from ldensf_app import layout, style
from ldensf_app.limits import Limits, centre
from ldensf_app.maps import reduced
from ldensf_app.scene import MAPS, TRUTH, Scene
from ldensf_core import get_benchmark


def described(name, variable=0):
    scene = Scene()
    scene.describe(get_benchmark(name), variable)
    return scene


def test_a_map_covers_the_domain():
    scene = described("atmosphere")
    field_map = scene.maps[TRUTH]
    field_map.show(np.zeros((256, 512), np.float32))
    data = field_map.pixels.data
    assert (data["x"], data["dw"], data["y"], data["dh"]) == ([0], [360], [-90], [180])
    assert (field_map.figure.x_range.end, field_map.figure.y_range.start) == (360, -90)
    assert data["image"][0].dtype == np.float32


def test_large_images_are_halved_and_others_sent_as_they_are():
    field = np.arange(256 * 512, dtype=np.float32).reshape(256, 512)
    image = reduced(field)
    assert image.shape == (128, 256) and image.dtype == np.float32
    assert image[0, 0] == field[:2, :2].mean() and image[-1, -1] == field[-2:, -2:].mean()
    small = np.zeros((150, 150), np.float32)
    assert reduced(small) is small
    odd = np.zeros((301, 301), np.float32)
    assert reduced(odd) is odd


def test_hover_texts_follow_the_benchmark():
    scene = described("atmosphere")
    hover, places = scene.maps[TRUTH].hover, scene.maps[TRUTH].places
    assert "°W" in places["$x"].code and "'S' : 'N'" in places["$y"].code
    assert hover.tooltips[1][0] == "h" and hover.tooltips[1][1].endswith("} m")
    scene.describe(get_benchmark("kolmogorov"), 1)  # nothing of the globe is left
    assert places["$x"].code == places["$y"].code == "return `${value.toFixed(2)}`"
    assert hover.tooltips[1] == ("v", "@image{0.00}")
    assert scene.quantities[TRUTH] == "v"
    scene.describe(get_benchmark("tsunami"), 2)
    assert places["$x"].code == "return `${value.toFixed(0)} km`"
    assert hover.tooltips[1] == ("η", "@image{0.0000} m")


def test_another_benchmark_needs_no_new_models():
    """Each would make Bokeh look through all models of the page, which takes long."""
    scene = described("tsunami")
    document = Document()
    for part in (*scene.maps.values(), scene.errors, scene.times, scene.cloud, scene.track):
        document.add_root(part.figure)
    before = set(document.models)
    for name in ("kolmogorov", "atmosphere"):
        scene.describe(get_benchmark(name), 0)
    assert set(document.models) == before


def test_axes_follow_the_benchmark():
    scene = described("atmosphere")
    axis = scene.maps[TRUTH].figure.yaxis[0]
    assert axis.major_label_overrides[-60.0] == "60°S"
    scene.describe(get_benchmark("kolmogorov"), 0)
    assert axis.ticker.ticks == pytest.approx([k * math.pi / 2 for k in range(5)])


@pytest.mark.parametrize(
    ("name", "aspect", "wide"), [("tsunami", 1, False), ("atmosphere", 2, True)]
)
def test_the_page_takes_the_proportions_of_the_domain(name, aspect, wide):
    html = layout.html
    titles = {name: html() for name in (*MAPS, "errors", "times")}
    main = layout.MainArea(Scene(), html(), html(), titles, [], html(), html())
    main.arrange(get_benchmark(name))
    styles = main._board.styles
    assert float(styles["--aspect"]) == aspect
    in_a_row = styles["--curves"].startswith("minmax(0, 1fr) / ")
    assert in_a_row == wide


@pytest.mark.parametrize("name", ["--board", "--maps", "--curves", "--map-height"])
def test_narrow_windows_have_the_curves_below_as_wide_maps_do(name):
    beside, below = (style.arrangement(aspect)[name] for aspect in (1.0, 2.0))
    assert beside != below
    narrow = style.STYLESHEETS["board"].splitlines()[1]
    assert narrow.startswith("@container") and f"{name}: {below} !important;" in narrow


def test_colours_are_centred_on_a_variable_that_keeps_away_from_zero():
    assert centre(SimpleNamespace(mean=5900.0, std=600.0)) == 5900.0
    assert centre(SimpleNamespace(mean=13.0, std=23.0)) == 0.0
    limits = Limits(symmetric=True)
    limits.expect(SimpleNamespace(mean=5900.0, std=600.0))
    assert (limits.mapper.low, limits.mapper.high) == (4100.0, 7700.0)
    limits.follow()  # nothing is there yet
    assert (limits.mapper.low, limits.mapper.high) == (4100.0, 7700.0)
    limits.follow(np.array([5000.0, 6100.0], np.float32))
    assert (limits.mapper.low, limits.mapper.high) == (5000.0, 6800.0)
