"""What the gallery sees on a page, on small pages whose faults are known; and its film."""

import io

import gallery
import pytest
from page import browser
from PIL import Image

pytestmark = pytest.mark.alone

PAGE = """
<style> div { position: absolute; font: 16px/20px monospace; white-space: nowrap; } </style>
<div style="left: 0; top: 0">beside</div>
<div style="left: 0; top: 40px; width: 40px; overflow: hidden">cut at the side</div>
<div style="left: 0; top: 80px; width: 200px; height: 30px; overflow: auto">
  within reach<br>after<br>scrolling</div>
<div style="left: 0; top: 140px">under</div><div style="left: 20px; top: 145px">over</div>
<div style="left: 0; top: 200px; width: 60px; white-space: normal">two lines <b>and</b> more</div>
<div style="left: 0; top: 300px; visibility: hidden; width: 5px; overflow: hidden">not there</div>
<div id="host" style="left: 0; top: 340px"></div>
<script>
  document.getElementById("host").attachShadow({ mode: "open" }).innerHTML =
    '<p style="margin: 0; width: 30px; overflow: hidden">cut in a shadow root</p>'
</script>
"""


def test_texts_that_are_cut_or_lie_over_others_are_found():
    with browser() as chromium:
        page = chromium.new_page()
        page.set_content(PAGE)
        found = page.evaluate(gallery.FAULTS)
    assert found == {"cut": ["cut at the side", "cut in a shadow root"], "over": ["under / over"]}


def test_pictures_stay_as_long_as_the_page_shows_their_steps():
    first, last = gallery.FIRST, gallery.LAST
    assert gallery.durations([0, 1, 2, 5]) == [first, 250, 750, last]


def test_a_film_has_all_its_pictures_and_is_not_too_large(monkeypatch):
    noise = [Image.effect_noise((1280, 800), 90 + n) for n in range(3)]
    film = gallery.animated(noise, [100, 200, 300])
    with Image.open(io.BytesIO(film)) as read:
        assert (read.format, read.n_frames, read.size) == ("WEBP", 3, gallery.FILM_SIZE)
    monkeypatch.setattr(gallery, "LARGEST", len(film) - 1)
    smaller = gallery.animated(noise, [100, 200, 300])
    assert len(smaller) < len(film)
    monkeypatch.setattr(gallery, "LARGEST", 1000)
    with pytest.raises(ValueError, match="1000 are allowed"):
        gallery.animated(noise, [100, 200, 300])
