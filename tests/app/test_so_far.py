"""The run so far, as the next cell of a notebook gets it: the library gives the same numbers."""

import numpy as np
import pytest

from ldensf_app import Dashboard
from ldensf_core import SensorNetwork, get_benchmark

FILTERS = ["ld-ensf", "none"]
PLACES = [(200.0, 300.0), (700.0, 300.0), (450.0, 800.0)]


@pytest.fixture
def dashboard(wait):
    made = Dashboard(filters=FILTERS, members=5, sensors=25, noise=0.2, device="cpu")
    wait(lambda: made.race.view().lead.index == 0)
    yield made
    made.close()
    for worker in made.race.workers:
        worker.join(timeout=30)


def step(dashboard, wait, cycles):
    for _ in range(cycles):
        index = dashboard.race.view().lead.index
        dashboard.step()
        wait(lambda index=index: dashboard.race.view().lead.index == index + 1)


def test_the_run_so_far_is_a_dataset_and_an_experiment_that_repeats_it(dashboard, wait):
    step(dashboard, wait, 2)
    dashboard.settings.noise = 0.4
    dashboard.settings.members = 10
    dashboard.apply_changes()
    step(dashboard, wait, 2)
    dashboard.place_sensors(PLACES)
    dashboard.apply_changes()
    dashboard.assimilate(False)
    step(dashboard, wait, 2)
    result, experiment = dashboard.result, dashboard.experiment
    assert result.sizes["time"] == 7 and list(result["filter"].values) == FILTERS
    assert [(i, list(change)) for i, change in experiment.changes] == [
        (3, ["noise"]),
        (3, ["members"]),
        (5, ["sensors"]),
        (5, ["assimilate"]),
    ]
    assert experiment.conditions(5).sensors == SensorNetwork.at(get_benchmark("tsunami"), PLACES)
    mine = experiment.run()
    assert mine.sizes["time"] == 51
    for name in ("rel_rmse", "rel_spread"):
        np.testing.assert_array_equal(mine[name].isel(time=slice(7)), result[name], err_msg=name)
    for name in ("eta", "eta_mean"):  # of the latest cycle in full, of others to 16 bits
        np.testing.assert_array_equal(mine[name].isel(time=6), result[name].isel(time=6))
    step(dashboard, wait, 1)  # goes on, which changes neither
    assert result.sizes["time"] == 7 and dashboard.result.sizes["time"] == 8


def test_a_run_that_was_asked_for_and_has_not_begun_has_the_changes_of_its_scene(dashboard):
    dashboard.controls.preset.value = "noise-storm"
    assert dashboard.experiment.changes == dashboard.scenes.changes != []


def test_before_the_first_cycle_there_is_nothing(wait):
    made = Dashboard(filters=FILTERS, device="cpu")
    made.close()
    for worker in made.race.workers:
        worker.join(timeout=30)
    with pytest.raises(ValueError, match="nothing to export yet"):
        _ = made.result
    assert made.ended
