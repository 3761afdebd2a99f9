"""What changes while a run goes on: by widgets, on the map, by buttons. The library is run anew."""

import itertools
import re

import numpy as np
import pytest

from ldensf_app import Dashboard
from ldensf_app.curves import FORECAST
from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.twin.record import record_cycle

TSUNAMI = get_benchmark("tsunami")
SMALL = {"filters": ["ld-ensf"], "members": 5, "sensors": 16, "device": "cpu"}
ALERT = 'role="alert"'


@pytest.fixture
def dashboard(started):
    return started(**SMALL)


@pytest.fixture
def made(wait):
    """Waits until a run has that number of changes."""

    def made(dashboard, number):
        wait(lambda: dashboard.pull() or len(dashboard.race.view().lead.changes) == number)
        return dashboard.race.view().lead.changes

    return made


def told(dashboard):
    """What the status line says, without its markup."""
    return re.sub("<[^>]+>", "", dashboard.page.status.object)


def errors(dashboard, name="ld-ensf"):
    return [records[name].error for records in dashboard.race.view().lead.records]


def in_one_go(cycles, changes, filters=("ld-ensf",), name="ld-ensf", members=5):
    """The errors of an experiment that knows all changes beforehand."""
    sensors = SensorNetwork.grid(TSUNAMI, 4, 4)
    experiment = TwinExperiment(
        TSUNAMI, filters, sensors, members=members, device="cpu", changes=changes
    )
    cycles = itertools.islice(experiment, cycles)
    return [record_cycle(TSUNAMI, cycle, name)[0].error for cycle in cycles]


def test_noise_changes_from_the_next_cycle_on(dashboard, run_to, made, wait):
    run_to(dashboard, 2)
    for noise in (0.2, 0.3, 0.4):  # a slider passes many values
        dashboard.controls.widgets["noise"].value = noise
    assert dashboard.controls.notice.object == ""  # nothing waits for a reset
    assert made(dashboard, 1) == ((3, {"noise": 0.4}),)
    run_to(dashboard, 5)
    assert errors(dashboard) == pytest.approx(in_one_go(6, [(3, {"noise": 0.4})]), rel=1e-5)
    unchanged = in_one_go(6, [])
    assert errors(dashboard)[:3] == pytest.approx(unchanged[:3], rel=1e-5)
    assert abs(errors(dashboard)[3] / unchanged[3] - 1) > 1e-3
    assert "noise 0.40 std" in told(dashboard) and "from step 3 noise 0.4" in told(dashboard)
    dashboard.reset()
    wait(lambda: dashboard.race.view().lead.changes == ())


def test_what_was_changed_back_at_once_is_no_change(dashboard, run_to, made):
    run_to(dashboard, 1)
    dashboard.settings.noise = 0.4
    dashboard.settings.noise = 0.1
    dashboard.settings.missing = 0.2
    assert made(dashboard, 1) == ((2, {"missing": 0.2}),)


def test_assimilation_off_and_on_again(dashboard, run_to, made):
    run_to(dashboard, 2)
    dashboard.controls.assimilate.value = False
    made(dashboard, 1)
    run_to(dashboard, 4)
    assert "from step 3 assimilation off" in told(dashboard)
    dashboard.controls.assimilate.value = True
    changes = made(dashboard, 2)
    run_to(dashboard, 6)
    assert changes == ((3, {"assimilate": False}), (5, {"assimilate": True}))
    assert dashboard.race.view().lead.assimilated == (True,) * 3 + (False,) * 2 + (True,) * 2
    assert errors(dashboard) == pytest.approx(in_one_go(7, changes), rel=1e-5)
    bands = dashboard.page.cards["errors"].chart.bands.data
    assert bands["colour"] == [FORECAST]
    assert [bands["xs"][0].min(), bands["xs"][0].max()] == pytest.approx(TSUNAMI.times[[2, 4]])


def test_a_forecast_goes_to_the_end_without_observations(dashboard, run_to, wait):
    run_to(dashboard, 2)
    dashboard.controls.speed.value = np.inf
    dashboard.controls.forecast.clicks += 1
    wait(lambda: dashboard.race.view().lead.phase == "finished")
    dashboard.pull()
    assert not dashboard.controls.assimilate.value
    assimilated = dashboard.race.view().lead.assimilated
    first = assimilated.index(False)
    assert first in (3, 4) and len(assimilated) == 51 and not any(assimilated[first:])
    changes = [(first, {"assimilate": False})]
    assert errors(dashboard) == pytest.approx(in_one_go(51, changes), rel=1e-4)
    dashboard.settings.noise = 0.3  # after the last cycle
    wait(lambda: dashboard.pull() or ALERT in dashboard.page.status.object)
    assert "last cycle" in dashboard.page.status.object
    dashboard.play()  # from the end: starts over
    wait(lambda: dashboard.race.view().lead.setup.noise == 0.3)
    assert dashboard.controls.assimilate.value


def test_sensors_placed_by_hand_hold_from_the_next_cycle(dashboard, run_to, made):
    run_to(dashboard, 1)
    places = [[100.0, 200.0], [300.0, 400.0], [900.0, 50.0]]
    dashboard.gestures.hear("sensors", places)
    ((index, change),) = made(dashboard, 1)
    assert index == 2 and change["sensors"].positions.tolist() == places
    run_to(dashboard, 3)
    assert [len(network) for network in dashboard.race.view().lead.networks] == [16, 16, 3, 3]
    assert dashboard.page.scene.board.sensors["positions"].tolist() == np.ravel(places).tolist()
    assert "3 sensors (by hand)" in told(dashboard)
    assert "from step 2 3 sensors placed anew" in told(dashboard)
    changes = [(2, {"sensors": SensorNetwork.at(TSUNAMI, places)})]
    assert errors(dashboard) == pytest.approx(in_one_go(4, changes), rel=1e-5)
    dashboard.settings.layout = "random"  # takes their place
    made(dashboard, 2)
    run_to(dashboard, 4)
    network = dashboard.race.view().lead.networks[4]
    assert network == SensorNetwork.random(TSUNAMI, 16, seed=7)


def test_sensors_asked_for_are_drawn_until_a_cycle_has_them(dashboard, run_to, made):
    run_to(dashboard, 1)
    board, places = dashboard.page.scene.board, [[100.0, 200.0], [300.0, 400.0]]
    board._handle_msg({"sensors": places, "edit": 0.25})
    assert board.asked == [100, 200, 300, 400] and board.edit == 0.25
    made(dashboard, 1)
    dashboard.show_all()
    assert board.asked == [100, 200, 300, 400]  # the run is to change, and has not yet
    assert len(board.sensors["positions"]) == 2 * 16
    dashboard.gestures.hear("shown", 0)
    assert board.asked == []  # an earlier cycle is shown as it was
    dashboard.gestures.hear("shown", None)
    assert board.asked == [100, 200, 300, 400]
    run_to(dashboard, 2)
    assert board.asked == [] and board.sensors["positions"].tolist() == [100, 200, 300, 400]


def test_sensors_that_cannot_be_placed_are_answered_too(dashboard, run_to):
    run_to(dashboard, 1)
    board = dashboard.page.scene.board
    board._handle_msg({"sensors": [[100.0, -5.0]], "edit": 0.5})
    assert board.asked == [] and board.edit == 0.5
    assert "That cannot be done" in dashboard.page.said.object


def test_sensors_asked_for_are_forgotten_where_number_and_layout_say_again(dashboard, run_to):
    run_to(dashboard, 1)
    dashboard.gestures.hear("sensors", [[100.0, 200.0]])
    dashboard.settings.layout = "random"
    assert dashboard.page.scene.board.asked == []


def test_a_brush_places_the_sensors_that_are_set(dashboard, wait):
    stroke = {"tool": "line", "from": [0.0, 0.0], "to": [900.0, 450.0]}
    dashboard.gestures.hear("stroke", stroke)  # at the first cycle, hence by a reset
    wait(lambda: dashboard.race.view().lead.setup.positions)
    wait(lambda: dashboard.race.view().lead.index == 0)
    places = dashboard.race.view().lead.networks[0].positions
    assert places[:, 0] == pytest.approx(np.linspace(0, 900, 16))
    assert places[:, 1] == pytest.approx(places[:, 0] / 2)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sensors", [[100.0, 200.0], [-5.0, 1.0]], "-5"),
        ("sensors", [[float("nan"), 1.0]], "nan"),
        ("sensors", [], "n ≥ 1"),
        ("sensors", [[1.0, 1.0]] * 1025, "at most 1024"),
        ("sensors", "many", "needed"),
        ("sensors", None, ""),
        ("stroke", {"tool": "spray", "from": [0, 0], "to": [1, 1]}, "spray"),
        ("stroke", {"tool": "grid", "from": [5, 5], "to": [5, 5]}, "no extent"),
        ("stroke", {}, "tool"),
        ("shown", "now", "now"),
        ("variable", 3, "range"),
        ("point", [1.0], ""),
        ("point", [float("nan"), 1.0], "nan"),
        ("point", [1.0, 2000.0], "allowed is 0 to 1000"),
        ("views", None, ""),
        ("drawn", {}, ""),
    ],
)
def test_a_bad_message_is_told_and_the_session_goes_on(session, name, value, words, run_to):
    scene, before = session.page.scene, session.settings.setup()
    state = [(scene.index, scene.variable, scene.chosen, session.page.point)]
    session.page.scene.board._handle_msg({name: value})
    said = session.page.said.object
    assert ALERT in said and "cannot be done" in said and words in said
    assert session.settings.setup() == before
    state.append((scene.index, scene.variable, scene.chosen, session.page.point))
    assert state[0] == state[1]
    session.pull()
    assert session.page.said.object == said  # to be read in peace
    run_to(session, session.race.view().lead.index + 1)
    assert scene.board.frame["cycle"] == session.race.view().lead.index
    session.page.say("")


@pytest.fixture(scope="module")
def session():
    """One that gets all bad messages."""
    dashboard = Dashboard(**SMALL)
    yield dashboard
    dashboard.close()


def test_places_and_views_that_are_not_there_do_no_harm(dashboard, run_to):
    run_to(dashboard, 1)
    dashboard.gestures.hear("shown", -5)
    assert dashboard.page.scene.board.frame["cycle"] == 0
    dashboard.gestures.hear("shown", 100)
    assert dashboard.page.scene.board.frame["cycle"] == 1
    dashboard.gestures.hear("views", ["error:nonsense", 3, "a:b:c"])
    assert dashboard.page.scene.board.views == [
        "truth", "mean:ld-ensf", "error:ld-ensf", "spread:ld-ensf",
    ]  # fmt: skip


def test_members_change_live(started, run_to, made):
    dashboard = started(**SMALL | {"members": 20})
    run_to(dashboard, 1)
    dashboard.controls.widgets["members"].value = 50
    assert made(dashboard, 1) == ((2, {"members": 50}),)
    run_to(dashboard, 3)
    sizes = [len(r["ld-ensf"].parameters) for r in dashboard.race.view().lead.records]
    assert sizes == [20, 20, 50, 50]
    expected = in_one_go(4, [(2, {"members": 50})], members=20)
    assert errors(dashboard) == pytest.approx(expected, rel=1e-5)
    assert "50 members" in told(dashboard) and "from step 2 members 50" in told(dashboard)


def test_measured_variables_change_live(dashboard, run_to, made):
    run_to(dashboard, 1)
    dashboard.controls.widgets["variables"].value = ["eta"]
    assert made(dashboard, 1) == ((2, {"variables": ["eta"]}),)
    run_to(dashboard, 2)
    observation = dashboard.race.view().lead.observed[2]
    assert observation.values.isnan().all(dim=0).tolist() == [True, True, False]
    expected = in_one_go(3, [(2, {"variables": ["eta"]})])
    assert errors(dashboard) == pytest.approx(expected, rel=1e-5)
    assert "sensors (grid) of η every" in told(dashboard)
    assert "from step 2 measured eta" in told(dashboard)


def test_the_first_filter_runs_once_more_beside_itself(started, run_to, made):
    dashboard = started(**SMALL, second=20)
    run_to(dashboard, 2)
    dashboard.settings.members = 10
    made(dashboard, 1)
    run_to(dashboard, 3)
    records = dashboard.race.view().lead.records
    assert [len(r["ld-ensf@20"].parameters) for r in records] == [20] * 4
    assert [len(r["ld-ensf"].parameters) for r in records] == [5, 5, 5, 10]
    both = {"ld-ensf": "ld-ensf", "ld-ensf@20": ("ld-ensf", {"members": 20})}
    for name in both:
        expected = in_one_go(4, [(3, {"members": 10})], both, name)
        assert errors(dashboard, name) == pytest.approx(expected, rel=1e-5)
    assert "LD-EnSF, 20 members" in dashboard.page.tiles.object
    assert "LD-EnSF, 20 members" in dashboard.page.cards["errors"].chart.dots.data["name"]
