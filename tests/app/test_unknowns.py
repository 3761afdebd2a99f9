import numpy as np
import pytest
import torch

from ldensf_app.scene import Scene, first_shown
from ldensf_app.snapshot import Record
from ldensf_app.unknowns import is_drawn
from ldensf_core import FILTERS, Observation, SensorNetwork, get_benchmark

NAMES = ("tsunami", "kolmogorov", "atmosphere")


def records(*ensembles):
    return [
        Record(0.1, 0.1, 2.0, 1.0, 1.0, 1.0, True, np.asarray(e, np.float32), None, None)
        for e in ensembles
    ]


@pytest.fixture
def scene():
    return Scene()


def described(scene, name):
    scene.describe(get_benchmark(name), 0)
    return scene.unknowns


def test_two_parameters_are_a_cloud_and_one_is_a_track(scene):
    figures = [described(scene, name) for name in NAMES]
    assert figures == [scene.cloud, scene.track, scene.cloud]


def test_a_single_parameter_is_drawn_against_time(scene):
    track = described(scene, "kolmogorov")
    ensembles = np.linspace(600, 1400, 101)[:, None], np.full((101, 1), 900.0)
    track.show({"ld-ensf": records(*ensembles)}, np.array([1106.0]))
    data = track.sources["ld-ensf"].data
    assert data["time"] == pytest.approx([4.0, 4.2])
    assert data["mean"] == pytest.approx([1000.0, 900.0])
    assert data["low"] == pytest.approx([640.0, 900.0])
    assert data["high"] == pytest.approx([1360.0, 900.0])
    assert len(track.sources["none"].data["time"]) == 0
    assert all(line.visible and line.location == 1106.0 for line in track.truth)
    assert (track.prior.bottom, track.prior.top) == (500.0, 1500.0)
    track.show({}, None)
    assert len(data["time"]) == 2 and len(track.sources["ld-ensf"].data["time"]) == 0
    assert not any(line.visible for line in track.truth)


def test_two_parameters_are_drawn_as_they_are_now(scene):
    cloud = described(scene, "atmosphere")
    ensembles = [[1.0, 2.0]], [[10.0, 3.0], [12.0, 3.5]]
    cloud.show({"ld-ensf": records(*ensembles)}, np.array([11.0, 3.2]))
    data = cloud.sources["ld-ensf"].data
    assert data["x"].tolist() == [10.0, 12.0] and data["y"].tolist() == [3.0, 3.5]
    assert cloud.truth.data["x"] == [11.0] and cloud.truth.data["y"] == [pytest.approx(3.2)]
    assert list(cloud.figure.xaxis[0].major_label_overrides.values()) == [
        "0.1", "amplitude", "30 m/h",
    ]  # fmt: skip


def test_a_truth_outside_the_prior_is_in_the_frame(scene):
    """And the next one, inside, has the frame that there was before."""
    cloud = described(scene, "tsunami")
    ranges = cloud.figure.x_range, cloud.figure.y_range
    before = [(r.start, r.end) for r in ranges]
    assert before == [(-30.0, 530.0), (-30.0, 530.0)]
    cloud.show({}, np.array([900.0, 100.0]))
    assert [(r.start, r.end) for r in ranges] == [(-30.0, 930.0), before[1]]
    cloud.show({}, np.array([20.0, 1000.0]))
    assert [(r.start, r.end) for r in ranges] == [before[0], (-30.0, 1030.0)]
    assert (cloud.prior.left, cloud.prior.right) == (0.0, 500.0)
    cloud.show({}, np.array([np.nan, np.nan]))
    assert [(r.start, r.end) for r in ranges] == before
    track = described(scene, "kolmogorov")
    for truth, bounds in (([300.0], (240.0, 1560.0)), ([900.0], (440.0, 1560.0))):
        track.show({}, np.array(truth))
        assert (track.figure.y_range.start, track.figure.y_range.end) == bounds


@pytest.mark.parametrize("name", [n for n, of in FILTERS.items() if of.kind == "full space"])
def test_only_filters_that_correct_parameters_are_drawn(name):
    tsunami = get_benchmark("tsunami")
    filter_ = FILTERS[name](tsunami)
    filter_.reset(4, seed=0)
    before = filter_.parameters.clone()
    sensors = SensorNetwork.grid(tsunami, 4, 4)
    filter_.analyse(Observation(0, sensors, torch.ones(16, 3), 0.1 * tsunami.std(torch.ones(1))))
    corrected = not torch.equal(filter_.parameters, before)
    assert is_drawn(name) == corrected


def test_the_variable_that_shows_most_comes_first():
    found = map(get_benchmark, NAMES)
    assert [b.variables[first_shown(b)].name for b in found] == ["eta", "v", "h"]
