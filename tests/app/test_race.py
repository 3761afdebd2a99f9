"""Both workers run the same truth and observations, whatever changes on the way."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ldensf_app.settings import Settings
from ldensf_core import SensorNetwork, TwinExperiment, get_benchmark
from ldensf_core.twin.record import record_cycle

CYCLES = 8


@pytest.fixture
def setup():
    return Settings(
        filters=["ld-ensf", "ensf"], members=5, full_space_members=2, sensors=16, device="cpu"
    ).setup()


def in_one_go(setup, changes):
    """Errors of both filters by cycle, of an experiment that knows all changes beforehand."""
    benchmark = get_benchmark(setup.benchmark)
    experiment = TwinExperiment(
        benchmark,
        list(setup.filters),
        SensorNetwork.place(benchmark, setup.sensors, setup.layout, setup.seed),
        noise=setup.noise,
        members=setup.members,
        full_space_members=setup.full_space_members,
        seed=setup.seed,
        device="cpu",
        changes=changes,
    )
    return [
        [record_cycle(benchmark, cycle, name)[0].error for name in setup.filters]
        for cycle in itertools.islice(experiment, CYCLES)
    ]


def test_a_run_with_changes_is_the_one_that_knows_them_beforehand(race, setup, wait):
    sensors = SensorNetwork.random(get_benchmark("tsunami"), 9, seed=3)
    latent, full_space = race.workers

    def until(worker, last):
        for index in range(worker.snapshot.index + 1, last + 1):
            worker.step()
            wait(lambda index=index: worker.snapshot.index == index)

    race.reset(setup)
    wait(lambda: all(w.snapshot.phase == "paused" for w in race.workers))
    until(latent, 2)
    race.change(noise=0.4)  # from 3 on; the other worker is at 0
    until(full_space, 1)
    until(latent, 4)
    race.change(sensors=sensors, missing=0.2)  # from 5 on
    race.change(noise="loud")
    until(full_space, 5)
    race.change(assimilate=False)  # from 6 on: now that one is in front
    until(full_space, 6)
    race.change(assimilate=True)
    until(latent, CYCLES - 1), until(full_space, CYCLES - 1)

    changes = [
        (3, {"noise": 0.4}),
        (5, {"sensors": sensors}),
        (5, {"missing": 0.2}),
        (6, {"assimilate": False}),
        (7, {"assimilate": True}),
    ]
    assert [w.snapshot.changes for w in race.workers] == [tuple(changes)] * 2
    errors = [
        [
            w.snapshot.records[i][name].error
            for w, name in zip(race.workers, setup.filters, strict=True)
        ]
        for i in range(CYCLES)
    ]
    expected = in_one_go(setup, changes)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    unchanged = np.array(in_one_go(setup, []))
    assert (errors[2] == pytest.approx(unchanged[2])) and (unchanged[3] != expected[3]).all()
    one, other = (w.snapshot.observed for w in race.workers)
    assert one == other and one[4] is not other[4]


def test_a_change_in_mid_play_reaches_both_at_the_same_cycle(race, setup, wait):
    race.reset(setup)
    race.set_speed(20.0)
    race.play()
    for number in range(1, 8):
        wait(lambda number=number: race.full_space.snapshot.index >= number)
        race.change(noise=0.05 * number)
    wait(lambda: all(w.snapshot.phase == "finished" for w in race.workers))
    one, other = (w.snapshot for w in race.workers)
    assert one.observed == other.observed
    at = [index for index, _ in one.changes]
    assert len(at) > 3 and at == sorted(at) and other.changes == one.changes
    noise = [o.std[0] / get_benchmark("tsunami").variables[0].std for o in one.observed]
    expected, changes = [], dict((index, change["noise"]) for index, change in one.changes)
    for index in range(len(noise)):
        expected.append(changes.get(index, expected[-1] if expected else setup.noise))
    assert noise == pytest.approx(expected)


def test_a_change_goes_with_its_run(race, setup, wait):
    race.reset(setup)
    race.change(noise=0.4)
    race.reset(replace(setup, filters=("ensf",)))
    wait(lambda: race.view().lead.index == 0)
    assert race.view().lead.changes == () and race.view().lead is race.full_space.snapshot
    race.change(noise=0.2)
    wait(lambda: race.view().lead.changes)
    assert race.view().lead.changes == ((1, {"noise": 0.2}),)


def test_members_are_those_of_latent_filters(race, setup, wait):
    race.reset(setup)
    race.change(members=7)  # from the first cycle on
    wait(lambda: all(w.snapshot.phase == "paused" for w in race.workers))
    race.change(members=0, noise=0.3)
    race.change(members=9, every=2)
    wait(lambda: all(w.snapshot.notice for w in race.workers))
    assert "members = 0" in race.view().lead.notice
    race.step()
    wait(lambda: all(w.snapshot.index == 1 for w in race.workers))
    race.step()
    wait(lambda: all(w.snapshot.index == 2 for w in race.workers))
    assert [len(r.parameters) for r in race.view().history()["ld-ensf"]] == [7, 9, 9]
    assert [len(r.parameters) for r in race.view().history()["ensf"]] == [2, 2, 2]
    assert [o is None for o in race.view().lead.observed] == [False, True, False]
    changes = [(0, {"members": 7}), (1, {"noise": 0.3}), (1, {"members": 9}), (1, {"every": 2})]
    assert [w.snapshot.changes for w in race.workers] == [tuple(changes)] * 2
    history = race.view().history()
    errors = [[history[name][i].error for name in setup.filters] for i in range(3)]
    np.testing.assert_allclose(errors, in_one_go(setup, changes)[:3], rtol=1e-5)
