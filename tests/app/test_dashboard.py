import json
import threading
import time

import numpy as np
import panel as pn
import pytest
import xarray as xr

from ldensf_app import Dashboard

SMALL = {"full_space_members": 2, "sensors": 16, "members": 5}


@pytest.fixture
def dashboard(wait):
    dashboard = Dashboard(**SMALL)
    wait(lambda: all(s.phase == "paused" for s in dashboard.race.view().snapshots))
    dashboard.pull()
    yield dashboard
    dashboard.close()
    for worker in dashboard.race.workers:
        worker.join(timeout=60)
        assert not worker.is_alive()


def images(dashboard):
    return {name: m.pixels.data["image"] for name, m in dashboard.scene.maps.items()}


def test_the_first_cycle_is_shown(dashboard):
    assert all(
        len(image) == 1 and image[0].shape == (150, 150) for image in images(dashboard).values()
    )
    assert len(dashboard.scene.sensors.source.data["x"]) == 16
    assert '<span class="counter">0</span>' in dashboard.tiles.object
    assert "noise <b>0.10</b>" in dashboard.status.object
    assert dashboard.controls.play.label == "Play"
    truth = dashboard.scene.cloud.truth.data
    assert 0 <= truth["x"][0] <= 500 and 0 <= truth["y"][0] <= 500


def test_play_runs_to_the_end_and_play_again_starts_over(dashboard, wait):
    before = images(dashboard)["latent"][0].copy()
    dashboard.controls.speed.value = np.inf
    dashboard.controls.play.clicks += 1
    wait(lambda: dashboard.race.view().any("playing", "finished"))
    wait(lambda: all(s.phase == "finished" for s in dashboard.race.view().snapshots), 120)
    dashboard.pull()
    assert not np.array_equal(images(dashboard)["latent"][0], before)
    assert len(dashboard.scene.errors.sources["ensf"].data["error"]) == 51
    assert '<span class="counter">50</span>' in dashboard.tiles.object
    assert "× " in dashboard.tiles.object or "×<small>" in dashboard.tiles.object
    dashboard.controls.speed.value = 1.0
    dashboard.controls.play.clicks += 1
    wait(lambda: dashboard.race.latent.snapshot.index in (0, 1, 2))


@pytest.mark.parametrize("clicks", [8, 9])
def test_quick_clicks_on_play_count_one_by_one(full_space, wait, clicks):
    """Faster than a worker can obey, which may be in the middle of a long cycle."""
    worker, obeyed = full_space.race.full_space, threading.Event()
    worker._commands.put(obeyed.wait)
    for _ in range(clicks):
        full_space.controls.play.clicks += 1
        full_space.pull()
    obeyed.set()
    wait(lambda: worker._commands.empty())
    last = worker.snapshot.index
    if clicks % 2:
        wait(lambda: worker.snapshot.index >= last + 2)
        full_space.pull()
        assert full_space.controls.play.label == "Pause"
    else:
        wait(lambda: worker.snapshot.phase == "paused")
        full_space.pull()
        assert full_space.controls.play.label == "Play"


def test_pull_does_nothing_when_nothing_is_new(dashboard):
    data = dashboard.scene.maps["truth"].pixels.data
    dashboard.pull()
    assert dashboard.scene.maps["truth"].pixels.data is data


@pytest.mark.alone
def test_a_pull_is_quick_while_the_workers_compute(dashboard, wait):
    dashboard.controls.speed.value = np.inf
    dashboard.play()
    times = []
    while len(times) < 10:
        version = dashboard.race.view().versions
        wait(lambda version=version: dashboard.race.view().versions != version)
        start = time.perf_counter()
        dashboard.pull()
        times.append(time.perf_counter() - start)
        if dashboard.race.view().lead.phase == "finished":
            break
    assert np.median(times) < 0.1


def test_a_change_at_the_first_cycle_resets_by_itself(dashboard, wait):
    dashboard.settings.noise = 0.3
    assert dashboard.controls.notice.object == ""
    wait(lambda: dashboard.race.latent.snapshot.setup.noise == 0.3)


def test_a_later_change_waits_for_reset_and_says_so(dashboard, wait):
    dashboard.controls.step.clicks += 1
    wait(lambda: dashboard.race.view().lead.index == 1)
    dashboard.controls.widgets["noise"].value = 0.4
    assert "changed: noise – press reset to apply" in dashboard.controls.notice.object
    assert dashboard.race.latent.snapshot.setup.noise == 0.1
    dashboard.settings.noise = 0.1  # changed back: nothing waits any longer
    assert dashboard.controls.notice.object == ""
    dashboard.settings.noise = 0.4
    dashboard.controls.reset.clicks += 1
    assert dashboard.controls.notice.object == ""
    wait(lambda: dashboard.race.latent.snapshot.setup.noise == 0.4)
    dashboard.pull()
    assert "noise <b>0.40</b>" in dashboard.status.object


def test_a_hidden_model_error_is_chosen_said_and_run(dashboard, wait):
    known = dashboard.race.view().lead.truth
    dashboard.controls.widgets["model_error"].value = "two-sources"
    wait(lambda: dashboard.race.latent.snapshot.setup.model_error == "two-sources")
    wait(lambda: dashboard.race.latent.snapshot.truth is not None)
    dashboard.pull()
    assert "hidden model error: <b>two sources</b>" in dashboard.status.object
    bump = dashboard.race.view().lead.truth[2] - known[2]
    row, column = np.unravel_index(bump.argmax(), bump.shape)
    assert (row, column) == pytest.approx((112, 112), abs=1)  # 750 km of 1000, 150 cells
    dashboard.settings.benchmark = "kolmogorov"
    assert dashboard.settings.setup().model_error == "none"
    assert "two sources" not in dashboard.controls.widgets["model_error"].options


@pytest.fixture
def full_space(wait):
    """Without the latent filters, which need weights."""
    dashboard = Dashboard(filters=["ensf"], full_space_members=2)
    wait(lambda: dashboard.race.view().lead.index == 0)
    dashboard.pull()
    yield dashboard
    dashboard.close()
    for worker in dashboard.race.workers:
        worker.join(timeout=60)


def test_another_full_space_filter_is_shown_in_the_place_of_ensf(full_space, wait):
    full_space.settings.filters = ["letkf"]
    wait(lambda: full_space.race.view().of("letkf"))
    full_space.pull()
    assert images(full_space)["full space"][0].shape == (150, 150)
    assert "LETKF" in full_space.titles["full space"].object
    assert len(full_space.scene.errors.sources["letkf"].data["error"]) == 1
    assert len(full_space.scene.cloud.sources["letkf"].data["x"]) == 2
    assert len(full_space.scene.cloud.sources["ld-ensf"].data["x"]) == 0


def test_another_benchmark_is_shown_in_its_own_words(full_space, wait):
    assert full_space.main._cloud.visible and not full_space.main._track.visible
    full_space.settings.benchmark = "kolmogorov"
    wait(lambda: full_space.race.full_space.snapshot.phase == "loading")
    full_space.pull()
    assert "Spinning up the Kolmogorov flow" in full_space.status.object
    assert "Kolmogorov flow" in full_space.story.object
    wait(lambda: full_space.race.view().lead.index == 0)
    full_space.pull()
    assert images(full_space)["truth"][0].shape == (150, 150)
    assert list(full_space.variable.options) == ["u", "v"] and full_space.variable.value == 1
    assert full_space.unit.object == '<div class="unit">v</div>'
    assert "/ 39" in full_space.tiles.object
    assert "every <b>0.2</b>" in full_space.status.object
    assert full_space.main._track.visible and not full_space.main._cloud.visible
    assert "Unknown parameter<" in full_space.unknowns.object
    with xr.open_dataset(full_space._export(), engine="h5netcdf") as data:
        assert data["reynolds"].attrs["units"] == "1" and data.sizes["sensor"] == 100


def test_a_switch_is_one_reset(full_space, monkeypatch):
    resets = []
    monkeypatch.setattr(full_space.race, "reset", resets.append)
    full_space.settings.benchmark = "atmosphere"
    assert [(s.benchmark, s.sensors) for s in resets] == [("atmosphere", 512)]


def test_a_switch_in_the_middle_of_a_run_applies_at_once(full_space, wait, monkeypatch):
    full_space.controls.step.clicks += 1
    wait(lambda: full_space.race.view().lead.index == 1)
    resets = []
    monkeypatch.setattr(full_space.race, "reset", resets.append)
    full_space.settings.benchmark = "atmosphere"
    assert [(s.benchmark, s.sensors) for s in resets] == [("atmosphere", 512)]
    assert full_space.controls.notice.object == ""
    full_space.settings.noise = 0.3  # what is no other benchmark still waits
    assert len(resets) == 1
    assert "changed: noise – press reset" in full_space.controls.notice.object


def test_weights_that_are_missing_are_told_at_the_switch(dashboard, wait, monkeypatch, tmp_path):
    monkeypatch.setattr("ldensf_core.weights.checkpoints.PRETRAINED", tmp_path)
    dashboard.settings.benchmark = "kolmogorov"
    assert dashboard.settings.filters == ["ensf", "none"]
    wait(lambda: dashboard.race.view().lead.setup.benchmark == "kolmogorov")
    wait(lambda: dashboard.race.view().lead.index == 0)
    dashboard.pull()
    assert "latent ETKF, latent EnKF, encoder alone cannot run" in dashboard.controls.lacking.object
    assert "ldensf train kolmogorov" in dashboard.controls.lacking.object
    dashboard.settings.filters = ["ld-ensf"]
    wait(lambda: dashboard.race.latent.snapshot.phase == "failed")
    dashboard.pull()
    assert "no trained weights" in dashboard.status.object
    assert "ldensf train kolmogorov" in dashboard.status.object


def test_another_variable_is_shown_with_its_unit(dashboard):
    before = images(dashboard)["truth"][0]
    dashboard.variable.value = 0
    assert "u (m/s)" in dashboard.unit.object
    assert not np.array_equal(images(dashboard)["truth"][0], before)


def test_an_empty_choice_of_filters_is_a_message_and_passes(dashboard, wait):
    dashboard.settings.filters = []
    wait(lambda: dashboard.race.view().any("failed"))
    dashboard.pull()
    assert 'role="alert"' in dashboard.status.object
    assert "Choose one filter or more" in dashboard.status.object
    dashboard.settings.filters = ["ensf"]
    wait(lambda: dashboard.race.full_space.snapshot.phase == "paused")
    dashboard.pull()
    assert 'role="alert"' not in dashboard.status.object
    assert images(dashboard)["latent"] == [] and len(images(dashboard)["spread"]) == 1


def test_export_holds_what_was_computed(dashboard, wait):
    dashboard.controls.step.clicks += 1
    wait(lambda: all(s.index == 1 for s in dashboard.race.view().snapshots))
    with xr.open_dataset(dashboard._export(), engine="h5netcdf") as data:
        assert set(data["filter"].values) == {"ld-ensf", "latent-smoother", "ensf", "none"}
        assert data.sizes["time"] == 2 and data.sizes["member"] == 5
        assert np.isfinite(data["rel_rmse"]).all()
        assert data["eta_mean"].dims == ("filter", "time", "y", "x")
        assert data["eta"].attrs["units"] == "m"
        assert data["source_x_ensemble"].sel(filter="ensf").isnull().sum() == 2 * 3
        assert data.attrs["noise"] == 0.1 and data.attrs["cycle"] == 1
        assert json.loads(data.attrs["changes"]) == []
        options = json.loads(data.attrs["options"])
        assert options["ld-ensf"] == {
            "filter": "ld-ensf",
            "rule": "gaussian",
            "epsilon": 0.5,
        }
        assert options["ensf"]["steps"] == 100 and options["none"] == {"filter": "none"}
        assert data["eta_observed"].dims == ("time", "sensor")
        assert np.isfinite(data["eta_observed"]).all()


def test_a_failed_export_is_a_message(dashboard, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ldensf_app.dashboard.netcdf", full)
    assert dashboard._export() is None
    assert "No space left on device" in dashboard.status.object


def test_it_shows_itself_in_a_notebook(dashboard):
    pn.extension()
    bundle, _ = dashboard._repr_mimebundle_()
    assert "text/html" in bundle
    assert "application/vnd.holoviews_exec.v0+json" in bundle
    assert dashboard.__panel__() is dashboard.__panel__()


def test_settings_are_given_by_name():
    with pytest.raises(ValueError, match="noise"):
        Dashboard(noise=0.9)


def test_closing_ends_all_threads(wait):
    before = threading.active_count()
    dashboard = Dashboard(**SMALL)
    assert threading.active_count() == before + 2
    dashboard.close()
    wait(lambda: threading.active_count() == before)
