"""Scenes on the page: presets, links, lines of Python; and back to a description."""

import pytest

from ldensf_app import scenes
from ldensf_app.link import decode, encode
from ldensf_app.presets import presets
from ldensf_app.scenario import Scenario
from ldensf_app.settings import Settings
from ldensf_core import TwinExperiment, get_benchmark


@pytest.mark.parametrize("name", presets())
def test_a_preset_becomes_settings_and_is_described_as_it_was(name):
    scenario, settings = presets()[name].scenario, Settings(device="cpu")
    scenes.take(settings, scenario)
    changes = tuple(scenes.changes_of(scenario))
    again = scenes.described(settings.setup(), changes)
    assert set(again.filters) == set(scenario.filters)
    for field in set(Scenario.model_fields) - {"filters", "options", "variables"}:
        assert getattr(again, field) == getattr(scenario, field), field
    network = settings.setup().network
    assert len(network) == scenario.sensors


def test_a_filter_that_is_there_with_a_size_only_is_refused():
    scenario = Scenario(filters=["latent-smoother", "ld-ensf@5"])
    with pytest.raises(ValueError, match="ld-ensf@5: each has to be there without a size"):
        scenes.take(Settings(device="cpu"), scenario)


@pytest.fixture
def dashboard(started):
    return started(filters=["ld-ensf"], device="cpu")


def test_a_link_gives_the_same_numbers_with_the_changes_made_on_the_way(dashboard, wait):
    dashboard.step()
    wait(lambda: dashboard.race.view().lead.index == 1)
    dashboard.place_sensors([(100.0, 200.0), (512.3456, 700.0)])
    dashboard.apply_changes()
    dashboard.assimilate(False)
    for step in (2, 3):
        dashboard.step()
        wait(lambda step=step: dashboard.race.view().lead.index == step)
    scenario = dashboard.scenario
    assert decode(encode(scenario)) == scenario

    def errors():
        return [r.error for r in dashboard.race.view().history()["ld-ensf"]]

    first = errors()
    benchmark = get_benchmark("tsunami")
    alone = TwinExperiment(
        benchmark, "ld-ensf", changes=scenes.changes_of(scenario), device="cpu"
    ).run()
    assert first == pytest.approx(alone.rel_rmse.values[0, :4], rel=1e-6)

    dashboard.settings.noise = 0.3
    dashboard.scenes.open_link(encode(scenario))
    assert dashboard.settings.noise == 0.1
    wait(lambda: dashboard.race.view().lead.index == 0)
    for step in (1, 2, 3):
        dashboard.step()
        wait(lambda step=step: dashboard.race.view().lead.index == step)
    assert errors() == first


def test_a_link_that_cannot_be_opened_is_told_and_the_run_goes_on(dashboard, wait):
    dashboard.scenes.open_link("1.nonsense")
    assert "This link cannot be opened" in dashboard.page.said.object
    dashboard.step()
    wait(lambda: dashboard.race.view().lead.index == 1)


def about(dashboard):
    """What the page says of the scene that is open."""
    dashboard.pull()
    return dashboard.controls.about_preset.object


def test_a_preset_is_chosen_said_and_left_with_another_benchmark(dashboard, wait):
    dashboard.controls.preset.value = "wrong-model"
    assert dashboard.settings.model_error == "deeper-water"
    wait(lambda: presets()["wrong-model"].sentence in about(dashboard))
    dashboard.settings.benchmark = "kolmogorov"
    assert dashboard.controls.preset.value == ""
    wait(lambda: about(dashboard) == "")


def test_a_preset_that_is_chosen_stays_chosen(dashboard):
    """A browser follows no value that comes back to what it has sent."""
    values, choice = [], dashboard.controls.preset
    choice.param.watch(lambda event: values.append(event.new), "value")
    choice.value = "one-gauge"
    choice.value = "wrong-model"
    dashboard.scenes.open(Scenario())
    assert values == ["one-gauge", "wrong-model", ""]


def test_a_preset_that_was_changed_before_its_run_says_so(dashboard, wait):
    dashboard.controls.preset.value = "one-gauge"
    wait(lambda: dashboard.race.view().lead.setup == dashboard.page.opened.setup)
    sentence = presets()["one-gauge"].sentence
    assert sentence in about(dashboard)
    for noise, seed, changed in ((0.3, 7, "(noise)"), (0.3, 8, "(noise, seed)"), (0.1, 7, "")):
        dashboard.settings.param.update(noise=noise, seed=seed)
        wait(lambda: dashboard.race.view().lead.setup == dashboard.settings.setup())
        wait(lambda: dashboard.race.view().lead.index == 0)
        assert (sentence in about(dashboard)) == (not changed)
        assert ("You have changed this scene" in about(dashboard)) == bool(changed)
        assert changed in about(dashboard)


def test_a_preset_that_is_changed_on_the_way_says_so_and_no_longer_what_happens(dashboard, wait):
    """Its own changes are none by hand."""
    dashboard.controls.preset.value = "sensors-fail"
    wait(lambda: dashboard.race.view().lead.setup == dashboard.page.opened.setup)
    wait(lambda: dashboard.race.view().lead.changes)
    preset = presets()["sensors-fail"]
    for step in range(1, preset.moment + 1):
        dashboard.step()
        wait(lambda step=step: dashboard.race.view().lead.index == step)
    assert preset.sentence in about(dashboard) and "Step 20:" in about(dashboard)
    dashboard.assimilate(False)
    wait(lambda: len(dashboard.race.view().lead.changes) == 2)
    assert "You have changed this scene</b> (assimilation)" in about(dashboard)
    assert "Step 20:" not in about(dashboard)
    dashboard.reset()
    wait(lambda: dashboard.race.view().lead.index == 0)
    assert preset.sentence in about(dashboard)


def test_a_scene_that_cannot_be_shown_leaves_the_settings_as_they_were(dashboard, monkeypatch):
    """Though it has taken hold of another benchmark before it fails."""
    dashboard.settings.param.update(noise=0.3, positions=[(1.0, 2.0)])
    before = dashboard.settings.setup()

    def take(settings, scenario):
        settings.benchmark = scenario.benchmark
        raise ValueError("no such thing")

    monkeypatch.setattr(scenes, "take", take)
    with pytest.raises(ValueError, match="no such thing"):
        dashboard.scenes.open(Scenario(benchmark="kolmogorov"))
    assert dashboard.settings.setup() == before
