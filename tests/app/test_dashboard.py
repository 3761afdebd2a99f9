import threading
import time

import numpy as np
import panel as pn
import pytest

from ldensf_app import Dashboard

REYNOLDS = "Reynolds number over time"
SMALL = {"full_space_members": 2, "sensors": 16, "members": 5}


@pytest.fixture
def dashboard(started, wait):
    dashboard = started(**SMALL)
    wait(lambda: all(s.phase == "paused" for s in dashboard.race.view().snapshots))
    dashboard.pull()
    return dashboard


def images(dashboard):
    """What each map shows: levels (ny, nx), or nothing yet."""
    frame = dashboard.page.scene.board.frame
    parts = iter(frame["pixels"].reshape(-1, *frame["shape"]))
    return {p["view"]: None if p["empty"] else next(parts) for p in frame["panels"]}


def traces(dashboard, card):
    """The lines and dots that a card's chart shows, by what they are called."""
    chart = dashboard.page.cards[card].chart
    dots = chart.dots.data
    return {
        name: np.column_stack([dots["x"], dots["y"]])[np.array(dots["name"]) == name]
        for name in dict.fromkeys(dots["name"])
    }


def test_the_first_cycle_is_shown(dashboard):
    shown = images(dashboard)
    assert list(shown) == ["truth", "mean:ld-ensf", "mean:ensf", "spread:ld-ensf"]
    assert all(image.shape == (150, 150) for image in shown.values())
    assert dashboard.page.scene.board.sensors["positions"].shape == (32,)
    assert '<span class="counter">0</span>' in dashboard.page.tiles.object
    assert "</abbr> <b>0.10</b> std" in dashboard.page.status.object
    assert dashboard.controls.play.label == "Play"
    (truth,) = np.unique(traces(dashboard, "parameters")["truth"], axis=0)
    assert truth == pytest.approx(dashboard.race.view().lead.true_parameters)


def test_play_runs_to_the_end_and_play_again_starts_over(dashboard, wait):
    before = images(dashboard)["mean:ld-ensf"].copy()
    dashboard.controls.speed.value = np.inf
    dashboard.controls.play.clicks += 1
    wait(lambda: dashboard.race.view().any("playing", "finished"))
    wait(lambda: all(s.phase == "finished" for s in dashboard.race.view().snapshots), 120)
    dashboard.pull()
    assert not np.array_equal(images(dashboard)["mean:ld-ensf"], before)
    assert len(traces(dashboard, "errors")["EnSF"]) == 51
    assert '<span class="counter">50</span>' in dashboard.page.tiles.object
    assert "× " in dashboard.page.tiles.object or "×<small>" in dashboard.page.tiles.object
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
    frame = dashboard.page.scene.board.frame
    dashboard.pull()
    assert dashboard.page.scene.board.frame is frame


def test_the_next_picture_waits_until_the_browser_has_drawn_the_last(full_space, wait):
    def step():
        index = full_space.race.view().lead.index + 1
        full_space.step()
        wait(lambda: full_space.race.view().lead.index == index)
        full_space.pull()
        return full_space.page.scene.board.frame

    assert step()["cycle"] == 1  # nobody has ever said that a picture was drawn
    full_space.gestures.hear("drawn", full_space.page.scene.board.frame["number"])
    two = step()
    assert two["cycle"] == 2
    assert step() is two  # not drawn yet
    assert 'counter">3<' in full_space.page.tiles.object  # all else is up to date
    full_space.gestures.hear("drawn", two["number"])  # which asks for the next at once
    three = full_space.page.scene.board.frame
    assert three["cycle"] == 3 and three["number"] == two["number"] + 1


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


def test_a_later_change_of_the_experiment_waits_for_reset_and_says_so(dashboard, wait):
    dashboard.controls.step.clicks += 1
    wait(lambda: dashboard.race.view().lead.index == 1)
    dashboard.controls.widgets["seed"].value = 9
    assert "changed: seed – press reset to apply" in dashboard.controls.notice.object
    assert dashboard.race.latent.snapshot.setup.seed == 7
    dashboard.settings.seed = 7  # changed back: nothing waits any longer
    assert dashboard.controls.notice.object == ""
    dashboard.settings.seed = 9
    dashboard.controls.reset.clicks += 1
    assert dashboard.controls.notice.object == ""
    wait(lambda: dashboard.race.latent.snapshot.setup.seed == 9)
    dashboard.pull()
    assert "seed <b>9</b>" in dashboard.page.status.object


def test_a_hidden_model_error_is_chosen_said_and_run(dashboard, wait):
    known = dashboard.race.view().lead.truth
    dashboard.controls.widgets["model_error"].value = "two-sources"
    wait(lambda: dashboard.race.latent.snapshot.setup.model_error == "two-sources")
    wait(lambda: dashboard.race.latent.snapshot.truth is not None)
    dashboard.pull()
    assert "hidden model error: <b>two sources</b>" in dashboard.page.status.object
    bump = dashboard.race.view().lead.truth[2] - known[2]
    row, column = np.unravel_index(bump.argmax(), bump.shape)
    assert (row, column) == pytest.approx((112, 112), abs=1)  # 750 km of 1000, 150 cells
    dashboard.settings.benchmark = "kolmogorov"
    assert dashboard.settings.setup().model_error == "none"
    assert "two sources" not in dashboard.controls.widgets["model_error"].options


@pytest.fixture
def full_space(started):
    """Without the latent filters, which need weights."""
    return started(filters=["ensf"], full_space_members=2)


def test_another_full_space_filter_is_shown_in_the_place_of_ensf(full_space, wait):
    assert list(images(full_space)) == ["truth", "mean:ensf", "error:ensf", "spread:ensf"]
    full_space.settings.filters = ["letkf"]
    wait(lambda: full_space.race.view().of("letkf"))
    full_space.pull()
    assert images(full_space)["mean:letkf"].shape == (150, 150)
    assert ("mean:letkf", "LETKF (full space)") in full_space.page.scene.board.choices
    assert len(traces(full_space, "errors")["LETKF"]) == 1
    assert len(traces(full_space, "parameters")["LETKF"]) == 2
    assert "LD-EnSF" not in traces(full_space, "parameters")


def test_another_benchmark_is_shown_in_its_own_words(full_space, wait):
    page = full_space.page
    assert page.cards["parameters"].choice.value == "Parameters now"
    full_space.settings.benchmark = "kolmogorov"
    wait(lambda: full_space.race.full_space.snapshot.phase == "loading")
    full_space.pull()
    assert "Spinning up the Kolmogorov flow" in page.status.object
    assert "Kolmogorov flow" in page.story.object
    wait(lambda: full_space.race.view().lead.index == 0)
    full_space.pull()
    assert images(full_space)["truth"].shape == (150, 150)
    assert page.scene.board.variables == ["u", "v"] and page.scene.board.variable == 1
    assert page.scene.board.frame["panels"][0]["unit"] == "v"
    assert "/ 39" in page.tiles.object
    assert "every <b>0.2</b>" in page.status.object
    assert page.cards["parameters"].choice.options == [REYNOLDS, "At the point clicked"]
    assert page.cards["parameters"].choice.value == REYNOLDS
    assert page.cards["parameters"].chart.figure.xaxis[0].axis_label == "model time"


def test_a_switch_is_one_reset(full_space, monkeypatch):
    resets = []
    monkeypatch.setattr(full_space.race, "reset", lambda setup, _: resets.append(setup))
    full_space.settings.benchmark = "atmosphere"
    assert [(s.benchmark, s.sensors) for s in resets] == [("atmosphere", 512)]


def test_a_switch_in_the_middle_of_a_run_applies_at_once(full_space, wait, monkeypatch):
    full_space.controls.step.clicks += 1
    wait(lambda: full_space.race.view().lead.index == 1)
    resets = []
    monkeypatch.setattr(full_space.race, "reset", lambda setup, _: resets.append(setup))
    full_space.settings.benchmark = "atmosphere"
    assert [(s.benchmark, s.sensors) for s in resets] == [("atmosphere", 512)]
    assert full_space.controls.notice.object == ""
    full_space.settings.seed = 3  # what is no other benchmark still waits
    assert len(resets) == 1
    assert "changed: seed – press reset" in full_space.controls.notice.object


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
    assert "no trained weights" in dashboard.page.status.object
    assert "ldensf train kolmogorov" in dashboard.page.status.object


def test_another_variable_is_shown_with_its_unit(dashboard):
    before = images(dashboard)["truth"]
    dashboard.gestures.hear("variable", 0)
    frame = dashboard.page.scene.board.frame
    assert [p["unit"] for p in frame["panels"]] == [*["u (m/s)"] * 3, "σ(u) (m/s)"]
    assert not np.array_equal(images(dashboard)["truth"], before)


def test_an_empty_choice_of_filters_is_a_message_and_passes(dashboard, wait):
    dashboard.settings.filters = []
    wait(lambda: dashboard.race.view().any("failed"))
    dashboard.pull()
    assert 'role="alert"' in dashboard.page.status.object
    assert "Choose one filter or more" in dashboard.page.status.object
    dashboard.settings.filters = ["ensf"]
    wait(lambda: dashboard.race.full_space.snapshot.phase == "paused")
    dashboard.pull()
    assert 'role="alert"' not in dashboard.page.status.object
    assert list(images(dashboard)) == ["truth", "mean:ensf", "error:ensf", "spread:ensf"]


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
