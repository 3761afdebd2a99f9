import numpy as np
import pytest

from ldensf_app.allowed import rounded
from ldensf_app.change import Change, library_changes
from ldensf_app.labels import members_of, name_of
from ldensf_app.scenario import Scenario, sensor_network
from ldensf_app.settings import Settings
from ldensf_core import SensorNetwork, Twin, get_benchmark, list_benchmarks
from ldensf_core.observations import LAYOUTS


def test_the_default_is_the_scene_of_the_dashboard():
    scenario, setup = Scenario(), Settings(device="cpu").setup()
    for name in (
        *("benchmark", "filters", "model_error", "sensors", "layout", "every", "noise"),
        *("missing", "members", "full_space_members", "seed"),
    ):
        assert getattr(scenario, name) == getattr(setup, name)
    assert (scenario.positions, scenario.variables, scenario.options, scenario.changes) == (
        *(None, None, {}, ()),
    )


@pytest.mark.parametrize("name", list_benchmarks())
def test_another_benchmark_brings_its_own_sensors(name):
    scenario = Scenario(benchmark=name)
    assert scenario.sensors == Settings(benchmark=name).sensors
    benchmark = get_benchmark(name)
    assert sensor_network(scenario) == SensorNetwork.grid(benchmark, *benchmark.sensor_grid)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sensors_stand_where_the_seed_says(layout):
    expected = SensorNetwork.place(get_benchmark("tsunami"), 25, layout, 3)
    assert sensor_network(Scenario(sensors=25, layout=layout, seed=3)) == expected


def test_sensors_by_hand_decide_number_and_layout():
    scenario = Scenario(positions=[[500.2, 300], (20, 999.9)], sensors=100, layout="line")
    assert scenario.positions == ((500.0, 300.0), (20.0, 1000.0))
    assert (scenario.sensors, scenario.layout) == (2, "at")
    assert sensor_network(scenario).positions.tolist() == [[500.0, 300.0], [20.0, 1000.0]]


def test_a_scenario_cannot_be_changed():
    scenario = Scenario()
    with pytest.raises(ValueError, match="frozen"):
        scenario.noise = 0.3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"benchmark": "avalanche"}, "benchmark = 'avalanche': allowed are kolmogorov, tsunami"),
        ({"benchmark": "runs.nc"}, "benchmark = 'runs.nc': allowed are"),
        ({"filters": ["kalman"]}, "filters = .*allowed are ld-ensf, latent-smoother"),
        ({"filters": []}, "filters: at least 1"),
        ({"filters": ["none"] * 7}, "filters: at most 6"),
        ({"filters": ["none", "none"]}, "each can be there once"),
        ({"filters": ["ld-ensf@6"]}, "members of ld-ensf are one of 5, 10, 20"),
        ({"filters": ["ld-ensf@05"]}, "members of ld-ensf are one of 5, 10, 20"),
        ({"filters": ["ld-ensf@"]}, "members of ld-ensf are one of 5, 10, 20"),
        ({"filters": ["letkf@1000"]}, "members of letkf are one of 2, 5, 10"),
        ({"filters": "ld-ensf"}, "filters = 'ld-ensf': a list is needed"),
        ({"model_error": "stronger-drag"}, "allowed are none, deeper-water"),
        ({"positions": [[1001, 5]]}, "x = 1001 km is outside the domain, 0 to 1000"),
        ({"positions": []}, "positions: at least 1"),
        ({"positions": [[1, 2]] * 1025}, "positions: at most 1024"),
        ({"positions": [[1, 2, 3]]}, r"positions\[0\]: at most 2"),
        ({"positions": [[1, float("nan")]]}, "a finite number is needed"),
        ({"sensors": 99}, "sensors = 99: allowed are 16, 25, 49"),
        ({"sensors": True}, "a whole number is needed"),
        ({"layout": "hexagonal"}, "layout = 'hexagonal': allowed are grid, random"),
        ({"layout": "at"}, "layout = 'at': allowed are grid, random"),
        ({"variables": ["h"]}, "allowed are u, v, eta"),
        ({"variables": []}, "variables: at least 1"),
        ({"every": 11}, "every = 11: allowed are 1, 2"),
        ({"noise": 0.51}, "noise = 0.51: allowed is 0 to 0.5"),
        ({"noise": "0.1"}, "noise = '0.1': a number is needed"),
        ({"noise": float("inf")}, "noise = inf: a finite number"),
        ({"missing": 1.0}, "missing = 1.0: allowed is 0 to 0.9"),
        ({"members": 21}, "members = 21: allowed are 5, 10, 20"),
        ({"full_space_members": 1000}, "allowed are 2, 5, 10"),
        ({"seed": -1}, "seed = -1: allowed is 0 to 9999"),
        ({"options": {"letkf": {}}}, "'letkf' is none of the filters"),
        ({"options": {"ld-ensf": {"rule": "exact"}}}, "there are gaussian, published"),
        ({"options": {"ld-ensf": {"width": 1}}}, "allowed are rule, epsilon"),
        ({"options": {"ld-ensf": {"rule": ["gaussian"]}}}, "there are gaussian"),
        ({"changes": [[51, {"noise": 0.1}]]}, "cycles are 0 to 50, not 51"),
        ({"changes": [[-1, {"noise": 0.1}]]}, "cycles are 0 to 50, not -1"),
        ({"changes": [[5, {}]]}, "changes nothing: give one or more of noise, missing"),
        ({"changes": [[5, {"noise": 0.6}]]}, "noise = 0.6: allowed is 0 to 0.5"),
        ({"changes": [[5, {"every": 0}]]}, "every = 0: allowed are 1, 2"),
        ({"changes": [[5, {"members": 1}]]}, "members = 1: allowed are 5, 10"),
        ({"changes": [[5, {"assimilate": 0}]]}, "assimilate = 0: true or false is needed"),
        ({"changes": [[5, {"variables": ["h"]}]]}, "allowed are u, v, eta"),
        ({"changes": [[5, {"positions": [[-1, 0]]}]]}, "x = -1 km is outside the domain"),
        ({"changes": [[5, {"seed": 3}]]}, "seed = 3: there is no such entry"),
        ({"changes": [[5, {"noise": 0.1}]] * 101}, "changes: at most 100"),
        ({"device": "cuda"}, "device = 'cuda': there is no such entry"),
    ],
)
def test_what_is_not_allowed_is_told_in_one_line(values, message):
    with pytest.raises(ValueError, match=message) as told:
        Scenario(**values)
    assert "\n" not in str(told.value) and len(str(told.value)) < 600


def test_a_message_stays_short_whatever_was_given():
    for values in ({"q" * 10_000: 1}, {"options": {"ensf": {"x": "q" * 10_000}}}):
        with pytest.raises(ValueError) as told:
            Scenario(**values)
        assert len(str(told.value)) < 600


def test_changes_come_in_order_and_once_a_cycle():
    scenario = Scenario(
        changes=[
            (30, {"noise": 0.3, "missing": 0.2}),
            (20, {"variables": ["eta", "u"]}),
            (30, {"noise": 0.4, "positions": [[10.4, 20]]}),
        ]
    )
    assert scenario.changes == (
        (20, Change(variables=("u", "eta"))),
        (30, Change(noise=0.4, missing=0.2, positions=((10.0, 20.0),))),
    )


def test_changes_are_those_that_the_library_takes():
    tsunami = get_benchmark("tsunami")
    scenario = Scenario(
        changes=[(2, {"noise": 0.3, "assimilate": False}), (4, {"positions": [[10, 20]]})]
    )
    changes = library_changes(scenario.changes, tsunami)
    assert changes == [
        (2, {"noise": 0.3, "assimilate": False}),
        (4, {"sensors": SensorNetwork.at(tsunami, [[10.0, 20.0]])}),
    ]
    twin = Twin(tsunami, seed=3, device="cpu", changes=changes)
    then = twin.conditions(4)
    assert (len(then.sensors), then.noise, then.assimilate) == (1, (0.3, 0.3, 0.3), False)


@pytest.mark.parametrize("name", list_benchmarks())
def test_rounded_positions_are_near_inside_and_stay(name):
    benchmark = get_benchmark(name)
    axes = benchmark.x, benchmark.y
    low, high = (np.array([getattr(axis, end) for axis in axes]) for end in ("low", "high"))
    positions = low + np.random.default_rng(1).random((200, 2)) * (high - low)
    positions[:3] = low, high, np.nextafter(high, low)
    near = np.array(rounded(benchmark, positions))
    away = np.abs(near - positions)
    around = np.array([axis.periodic for axis in axes]) * (high - low)
    assert (np.minimum(away, np.abs(away - around)) <= (high - low) / 2000 + 1e-9).all()
    assert (near >= low).all() and (near <= high).all()
    assert rounded(benchmark, near.tolist()) == tuple(map(tuple, near.tolist()))
    network = SensorNetwork.at(benchmark, near)
    assert (network.positions == near).all()


def test_a_label_is_a_name_with_or_without_members():
    assert (name_of("ld-ensf"), members_of("ld-ensf")) == ("ld-ensf", None)
    assert (name_of("ld-ensf@5"), members_of("ld-ensf@5")) == ("ld-ensf", 5)
