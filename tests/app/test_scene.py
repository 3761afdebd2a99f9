"""The page as a visitor goes through a run: maps, the bar to go back by, keys, files."""

import io
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
import xarray as xr

from ldensf_app import pictures
from ldensf_app.export import view_dataset
from ldensf_app.guide import Guide
from ldensf_app.pictures.film import Film
from ldensf_app.snapshot import Snapshot
from ldensf_app.takeaway import Takeaway
from ldensf_app.view import View
from ldensf_core import get_benchmark

ETA = 2


@pytest.fixture
def dashboard(started):
    return started(filters=["ld-ensf"], members=5, sensors=16, device="cpu")


@pytest.fixture
def run_to(dashboard, run_to):
    """Runs this one to a cycle, and gives its maps."""

    def run(last):
        run_to(dashboard, last)
        return frame(dashboard)

    return run


def frame(dashboard):
    return dashboard.page.scene.board.frame


def fields(frame):
    """What each map shows in numbers, as the browser makes them of levels."""
    images = frame["pixels"].reshape(-1, *frame["shape"])
    return {
        p["view"]: p["low"] + image * (p["high"] - p["low"]) / 65534
        for p, image in zip(frame["panels"], images, strict=True)
    }


def test_maps_show_the_fields_of_the_latest_cycle(dashboard, run_to):
    shown, snapshot = fields(run_to(2)), dashboard.race.latent.snapshot
    full = {
        "truth": snapshot.truth,
        "mean:ld-ensf": snapshot.mean["ld-ensf"],
        "spread:ld-ensf": snapshot.spread["ld-ensf"],
        "error:ld-ensf": snapshot.mean["ld-ensf"] - snapshot.truth,
    }
    assert set(shown) == set(full)
    for view, field in full.items():
        levels = sum(np.ptp(full[name][ETA]) for name in full) / 65534
        assert np.abs(shown[view] - field[ETA]).max() <= levels


def test_going_back_shows_a_cycle_as_it_was_shown_while_the_run_goes_on(dashboard, run_to):
    three = run_to(3)
    dashboard.gestures.hear("sensors", [[100.0, 200.0]])
    dashboard.apply_changes()
    five = run_to(5)
    assert dashboard.page.scene.board.sensors["positions"].tolist() == [100, 200]
    dashboard.gestures.hear("shown", 3)
    back = frame(dashboard)
    assert back["pixels"].tobytes() == three["pixels"].tobytes()
    ends = [[(p["view"], p["low"], p["high"]) for p in f["panels"]] for f in (back, three)]
    assert ends[0] == ends[1]
    assert (back["cycle"], back["last"], back["live"]) == (3, 5, False)
    assert back["where"].startswith("step 3, ") and back["where"].endswith("earlier")
    assert len(dashboard.page.scene.board.sensors["positions"]) == 2 * 16  # those of then
    six = run_to(6)
    assert (six["cycle"], six["last"]) == (3, 6)
    assert six["pixels"].tobytes() == three["pixels"].tobytes()
    dashboard.gestures.hear("shown", 5)
    assert frame(dashboard)["pixels"].tobytes() == five["pixels"].tobytes()
    dashboard.gestures.hear("shown", None)
    live = frame(dashboard)
    assert (live["cycle"], live["last"], live["live"]) == (6, 6, True)
    assert live["where"].startswith("step 6, ") and "earlier" not in live["where"]
    dashboard.gestures.hear("shown", 2)
    dashboard.reset()
    assert dashboard.page.scene.index is None


def test_views_are_chosen_and_stay_while_there_is_such_a_filter(dashboard, run_to, wait):
    wanted = ["spread:ld-ensf", "truth", "mean:ld-ensf", "error:ld-ensf"]
    dashboard.gestures.hear("views", wanted)
    assert [p["view"] for p in frame(dashboard)["panels"]] == wanted
    assert [p["scale"] for p in frame(dashboard)["panels"]] == ["spread", "field", "field", "error"]
    assert [p["view"] for p in run_to(1)["panels"]] == wanted
    dashboard.reset()
    wait(lambda: dashboard.race.view().lead.index == 0)
    dashboard.settings.filters = ["latent-etkf"]
    wait(lambda: dashboard.race.view().of("latent-etkf"))
    dashboard.pull()
    assert dashboard.page.scene.board.views == [
        "truth", "truth", "error:latent-etkf", "spread:latent-etkf",
    ]  # fmt: skip


def test_a_click_draws_the_series_of_that_point(dashboard, run_to):
    run_to(3)
    dashboard.gestures.hear("point", [203.0, 801.0])
    run_to(4)
    card = dashboard.page.cards["parameters"]
    assert card.choice.value == "At the point clicked"
    assert dashboard.page.scene.board.point == [203.0, 801.0]
    tsunami, snapshot = get_benchmark("tsunami"), dashboard.race.latent.snapshot
    row = np.abs(tsunami.y.points - 801.0).argmin()
    column = np.abs(tsunami.x.points - 203.0).argmin()
    lines = card.chart.lines.data
    assert [len(y) for y in lines["ys"]] == [5, 5, 5]
    assert all(x == pytest.approx(tsunami.times[:5]) for x in lines["xs"])
    mean, _, truth = lines["ys"]  # the truth has a border
    for line, key in ((mean, ("mean", "ld-ensf")), (truth, ("truth", ""))):
        stored = [f[key].unpack(ETA)[row, column] for f in snapshot.frames]
        assert line == pytest.approx(stored)
    level = float(np.ptp(snapshot.truth[ETA])) / 65534
    assert truth[-1] == pytest.approx(snapshot.truth[ETA, row, column], abs=level)
    dashboard.gestures.hear("variable", 0)  # the same point, another variable
    *_, truth = card.chart.lines.data["ys"]
    level = float(np.ptp(snapshot.truth[0])) / 65534
    assert truth[-1] == pytest.approx(snapshot.truth[0, row, column], abs=level)


def test_keys_do_what_buttons_do(dashboard, run_to, wait):
    def press(key):
        dashboard.page.guide._handle_msg({"key": key})

    press("step")
    wait(lambda: dashboard.race.view().lead.index == 1)
    run_to(3)
    press("back")
    press("back")
    assert frame(dashboard)["cycle"] == 1
    press("on")
    assert frame(dashboard)["cycle"] == 2
    for _ in range(4):
        press("back")
    assert frame(dashboard)["cycle"] == 0
    press("live")
    assert frame(dashboard)["cycle"] == 3 and frame(dashboard)["live"]
    press("assimilate")
    assert not dashboard.controls.assimilate.value
    press("assimilate")
    assert dashboard.controls.assimilate.value
    press("play")
    assert dashboard.controls.play.label == "Pause"
    wait(lambda: dashboard.race.view().lead.index > 3)
    press("play")
    wait(lambda: dashboard.race.view().lead.phase == "paused")
    press("forecast")
    assert dashboard.controls.play.label == "Pause" and not dashboard.controls.assimilate.value
    press("nonsense")
    press("reset")
    wait(lambda: dashboard.race.view().lead.index == 0)
    assert dashboard.controls.assimilate.value


@pytest.fixture
def saved(monkeypatch):
    files = []
    monkeypatch.setattr(Guide, "save", lambda _, *file: files.append(file))
    return files


def test_a_dataset_is_made_in_a_thread_and_handed_over(dashboard, run_to, wait, saved):
    run_to(2)
    dashboard.controls.takeaway["netcdf"].clicks += 1
    assert "making ldensf-run.nc" in dashboard.controls.take_notice.object
    assert dashboard.controls.takeaway["png"].disabled
    assert any(t.name.startswith("ldensf-files") for t in threading.enumerate())
    run_to(3)  # meanwhile
    wait(lambda: dashboard.pull() or saved)
    ((name, kind, content),) = saved
    assert (name, kind) == ("ldensf-run.nc", "application/x-netcdf")
    assert dashboard.controls.take_notice.object == ""
    assert not dashboard.controls.takeaway["png"].disabled
    with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as data:
        assert data.sizes["time"] == 3 and list(data["filter"].values) == ["ld-ensf"]
        records = dashboard.race.latent.snapshot.records[:3]
        errors = [r["ld-ensf"].error for r in records]
        assert data["rel_rmse"].sel(filter="ld-ensf").values == pytest.approx(errors)
        assert data["eta"].attrs["units"] == "m" and np.isfinite(data["eta_mean"]).all()


def test_a_picture_is_of_the_cycle_that_is_shown(dashboard, run_to, wait, saved):
    run_to(2)
    dashboard.gestures.hear("shown", 1)
    dashboard.controls.takeaway["png"].clicks += 1
    wait(lambda: dashboard.pull() or saved)
    ((name, kind, content),) = saved
    assert (name, kind) == ("ldensf-run.png", "image/png")
    run = view_dataset(dashboard.race.view(), get_benchmark("tsunami"))
    assert content == pictures.png(run, 1) and content != pictures.png(run, 2)


def test_a_file_that_cannot_be_made_is_told(wait):
    takeaway = Takeaway()
    assert takeaway.made() is None and takeaway.busy == ""
    takeaway.make("netcdf", View(Snapshot(), Snapshot()), get_benchmark("tsunami"), 0)
    assert takeaway.busy == "ldensf-run.nc"
    wait(lambda: takeaway._job.future.done())
    with pytest.raises(
        RuntimeError, match=r"ldensf-run\.nc could not be made\. There is nothing to"
    ):
        takeaway.made()
    assert takeaway.busy == "" and takeaway.made() is None


def test_a_film_that_nobody_waits_for_ends_after_the_present_frame(
    dashboard, run_to, wait, monkeypatch
):
    run_to(4)
    drawn, left, draw = [], threading.Event(), Film.frame

    def frame(self, cycle):
        drawn.append(cycle)
        assert left.wait(30)
        return draw(self, cycle)

    monkeypatch.setattr(Film, "frame", frame)
    dashboard.controls.takeaway["mp4"].clicks += 1
    future = dashboard.offers.takeaway._job.future
    wait(lambda: drawn)
    dashboard.end()
    left.set()
    with pytest.raises(CancelledError):
        future.result(timeout=30)
    assert drawn == [0]


def test_files_are_made_after_a_film_was_left(dashboard, run_to, wait, saved):
    run_to(1)
    dashboard.controls.takeaway["mp4"].clicks += 1
    dashboard.offers.takeaway.cancel()
    dashboard.controls.takeaway["mp4"].clicks += 1
    wait(lambda: dashboard.pull() or saved)
    assert saved[0][:2] == ("ldensf-run.mp4", "video/mp4")
