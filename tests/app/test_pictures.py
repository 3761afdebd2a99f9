"""Pictures and films, read again by other programs than those that made them."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import av
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from ldensf_app import pictures
from ldensf_app.colours import filter_colour
from ldensf_app.limits import palette
from ldensf_app.pictures import curves, film
from ldensf_app.pictures.film import Film
from ldensf_app.pictures.maps import Maps
from ldensf_app.pictures.sheet import Room, Sheet
from ldensf_app.record.axes import round_ticks
from ldensf_app.record.course import course
from ldensf_app.record.run import Run
from tests.app.drawn import CYCLES, globe_run, one_cycle, read_back, tsunami_run


@pytest.fixture(autouse=True)
def no_figure_is_left():
    plt.close("all")
    before = dict(plt.rcParams)
    yield
    assert plt.get_fignums() == [] and dict(plt.rcParams) == before


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture(scope="module")
def mp4():
    """A film, and what was told while it was made."""
    told = []
    return pictures.mp4(tsunami_run(), on_frame=lambda *done: told.append(done)), told


def frames(data):
    with av.open(io.BytesIO(data)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_a_page_is_a_png_of_its_size_and_not_empty():
    page = opened(pictures.png(tsunami_run()))
    assert page.shape == (1080, 1920, 3)
    assert len(np.unique(page.reshape(-1, 3), axis=0)) > 500
    for edge in (page[:4], page[-4:], page[:, :4], page[:, -4:]):
        assert (edge == 255).all()  # nothing is cut off
    assert (page[500:1060] != page[500:1060, :1]).any(axis=(0, 2)).mean() > 0.6


def test_a_page_is_of_the_cycle_that_is_asked_for(tmp_path):
    first, last = (opened(pictures.png(tsunami_run(), time)) for time in (1, -1))
    assert (first != last).any()
    with read_back(tsunami_run(), tmp_path) as again:
        assert np.array_equal(last, opened(pictures.png(again, CYCLES - 1)))
    with pytest.raises(ValueError, match="time = 9"):
        pictures.png(tsunami_run(), 9)


@pytest.mark.parametrize(
    "run",
    [
        globe_run(),
        one_cycle(globe_run()),
        globe_run(("ensf", "letkf", "a", "b@5", "none")),
        globe_run().assign(h=globe_run()["h"] * np.nan, heat=np.nan),
        tsunami_run().isel(time=slice(1)),
    ],
    ids=["incomplete", "one cycle", "many filters", "truth unknown", "first cycle"],
)
def test_a_page_of_any_run(run):
    page = opened(pictures.png(run))
    assert (page[:4] == 255).all() and (page[-4:] == 255).all() and (page[:, -4:] == 255).all()


def test_maps_show_the_fields_in_the_colours_of_their_bar():
    run, sheet = tsunami_run(), Sheet(600, 300)
    maps = Maps(sheet, Run(run), "u", ["ld-ensf"], Room(0, 0, 600, 300))
    maps.show(2)
    truth, mean, spread = (m.image for group in maps.groups for m in group.maps)
    at = run.isel(time=2, filter=0)
    assert np.array_equal(truth.get_array(), at.u) and np.array_equal(mean.get_array(), at.u_mean)
    assert np.array_equal(spread.get_array(), at.u_spread)
    peak = max(float(np.abs(at[name]).max()) for name in ("u", "u_mean"))
    assert truth.get_clim() == mean.get_clim() == pytest.approx((-peak, peak))
    # One pixel in the middle of a map has the colour of one of the values around it.
    pixels, box = sheet.pixels(maps.moving), mean.axes.get_window_extent()
    column, row = int((box.x0 + box.x1) / 2) + 7, int(300 - (box.y0 + box.y1) / 2)
    at_x = (column + 0.5 - box.x0) / box.width * 150
    at_y = (300 - row - 0.5 - box.y0) / box.height * 150
    near = at.u_mean.values[int(at_y) - 2 : int(at_y) + 3, int(at_x) - 2 : int(at_x) + 3]
    place = (near / peak + 1) / 2 * 256
    wanted = [palette("balance")[int(p)] for p in (place.min(), place.max())]
    ends = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in wanted])
    assert (ends.min(0) - 3 <= pixels[row, column]).all()
    assert (pixels[row, column] <= ends.max(0) + 3).all()


def test_threads_may_draw_at_once():
    runs = [tsunami_run(), globe_run()] * 2
    alone = [pictures.png(run) for run in runs[:2]]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(pictures.png, runs)) == alone * 2


def test_a_film_has_a_frame_a_cycle(mp4):
    data, told = mp4
    assert told == [(k + 1, CYCLES) for k in range(CYCLES)]
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (1280, 720, 6)
        times = [float(f.time) for f in container.decode(stream)]
    assert times == pytest.approx(np.arange(CYCLES) / 6)


def test_a_film_plays_while_it_loads(mp4):
    data, boxes, at = mp4[0], [], 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        boxes.append(name.decode())
        at += size
    assert at == len(data) and boxes.index("moov") < boxes.index("mdat")


def test_frames_are_what_matplotlib_draws(mp4):
    drawn, filmed = list(Film(tsunami_run(), 1280, 720, 14)), frames(mp4[0])
    away = [[np.abs(a.astype(int) - b).mean() for b in drawn] for a in filmed]
    assert np.argmin(away, axis=1).tolist() == list(range(CYCLES))
    assert np.diag(away).max() < 1.5


def test_updated_maps_are_those_drawn_anew():
    run = tsunami_run()
    updated, anew = Film(run, 640, 360, 9), Film(run, 640, 360, 9)
    for cycle in range(CYCLES):
        frame = updated.frame(cycle)
        for limits in anew.maps.limits.values():  # colours alone remember the last cycle
            limits.forget()
    assert not np.array_equal(frame, anew.frame(0))
    for ours, theirs in zip(updated.maps.groups, anew.maps.groups, strict=True):
        for a, b in zip(ours.maps, theirs.maps, strict=True):
            a.image.set_clim(0, 1), b.image.set_clim(0, 1)
    updated.maps.show(0), updated.errors.grow(0)
    for a, b in zip(updated.errors.lines, anew.errors.lines, strict=True):
        np.testing.assert_array_equal(a[0].get_xydata(), b[0].get_xydata())


def test_errors_grow_up_to_the_cycle():
    made = Film(tsunami_run(), 640, 360, 9)
    made.frame(1)
    line, _ = made.errors.lines[-1]
    np.testing.assert_allclose(line.get_ydata(), tsunami_run().rel_rmse[0, :2])
    made.frame(3)
    assert len(line.get_ydata()) == 4


def test_the_same_filter_with_other_members_is_told_apart_and_so_in_the_legend():
    run = Run(tsunami_run())
    sheet = Sheet(600, 300)
    room = Room(60, 30, 500, 200)
    draws = (curves.errors, curves.times, curves.innovations)
    draws += (partial(curves.parameter, name="source_x"),)
    there = course(run, *run.sensors[0], "eta", run.filters)
    for draw in (*draws, partial(curves.course, variable="eta", there=there)):
        lines = [line for line, _ in draw(sheet, room, run).lines if line.get_marker() != "None"]
        own, again = (
            next(line for line in lines if line.get_color() == filter_colour(label))
            for label in ("ld-ensf", "ld-ensf@3")
        )
        assert own.get_marker() != again.get_marker()
        assert own.get_linestyle() == "-" and again.get_linestyle() == "--"
    curves.legend(sheet, run)
    (legend,) = sheet.figure.legends
    shown = {t.get_text(): h for t, h in zip(legend.texts, legend.legend_handles, strict=True)}
    own, again = shown["LD-EnSF"], shown["LD-EnSF, 3 members"]
    assert own.get_marker() != again.get_marker()
    assert (own.get_linestyle(), again.get_linestyle()) == ("-", "--")


def test_a_gif_is_small_and_ends_with_the_last_cycle():
    data = pictures.gif(tsunami_run())
    assert len(data) <= film.LARGEST
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size, picture.n_frames) == ("GIF", (800, 450), CYCLES)
        picture.seek(CYCLES - 1)
        last = np.asarray(picture.convert("RGB")).astype(int)
    drawn = list(Film(tsunami_run(), 800, 450, 11))
    away = [np.abs(last - frame).mean() for frame in drawn]
    assert np.argmin(away) == CYCLES - 1 and away[-1] < 6


def test_a_gif_that_is_too_large_has_fewer_frames(monkeypatch):
    whole = pictures.gif(globe_run())
    monkeypatch.setattr(film, "LARGEST", len(whole) // 2)
    smaller = pictures.gif(globe_run())
    assert len(smaller) <= len(whole) // 2
    with Image.open(io.BytesIO(smaller)) as picture:
        assert 1 <= picture.n_frames <= CYCLES


@pytest.mark.parametrize("make", [pictures.mp4, pictures.gif])
def test_fields_of_one_cycle_make_no_film(make):
    with pytest.raises(ValueError, match="needs fields of every cycle"):
        make(one_cycle(globe_run()))


def test_ticks_of_a_logarithmic_axis_are_few_and_round():
    assert round_ticks(0.3, 6.0) == [0.5, 1.0, 2.0, 5.0]
    assert round_ticks(0.002, 150.0) == [0.01, 0.1, 1.0, 10.0, 100.0]
    assert len(round_ticks(1e-9, 1e9)) <= 6
