"""A run that is changed while it goes on, and the same again from its record."""

import itertools
import json
import math

import numpy as np
import pytest
import torch

from ldensf_core import SensorNetwork, Twin, TwinExperiment
from ldensf_core.filters import Filter, LDEnSF
from ldensf_core.twin.conditions import changes_from
from ldensf_core.twin.follow import SPLIT_EVERY
from ldensf_core.twin.results import result_dataset

FILTERS = ["ld-ensf", "latent-smoother", "none"]
PLACES = [[100.0, 120.0], [410.0, 333.3], [500.0, 900.0], [720.0, 80.0], [880.0, 610.0]]


def experiment(filters=FILTERS, benchmark="tsunami", **options):
    return TwinExperiment(benchmark, filters, **({"members": 20, "device": "cpu"} | options))


def steered(experiment, changes, last):
    """The cycles up to ``last``, each change made just before its cycle."""
    found, cycles = [], iter(experiment)
    for index in range(last + 1):
        for at, change in changes:
            if at == index:
                experiment.change(index, **change)
        found.append(next(cycles))
    return found


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert (a.index, a.assimilate) == (b.index, b.assimilate)
        assert (a.observation is None) == (b.observation is None)
        if a.observation is not None:
            assert torch.equal(a.observation.positions, b.observation.positions)
            values = (c.observation.values.nan_to_num(-9.0) for c in (a, b))
            assert torch.equal(*values)
        for label in a.filters:
            x, y = (c.filters[label].estimate for c in (a, b))
            assert torch.equal(x.mean, y.mean) and torch.equal(x.spread, y.spread)
            assert torch.equal(x.parameters, y.parameters)


# -- changes on the way -------------------------------------------------------------------


@pytest.fixture(scope="module")
def changes(tsunami):
    return [
        (6, {"noise": 0.3}),
        (7, {"sensors": SensorNetwork.at(tsunami, PLACES)}),
        (8, {"assimilate": False}),
        (9, {"members": 50}),
        (10, {"assimilate": True}),
        (11, {"every": 2, "members": 10}),
        (13, {"variables": ["eta"]}),
        (14, {"missing": 0.3, "noise": {"u": 0.1, "v": 0.1, "eta": np.float32(0.2)}}),
        (15, {"every": np.int64(1), "members": 1}),
        (16, {"members": 4}),
    ]


@pytest.fixture(scope="module")
def live(changes):
    one = experiment()
    return one, steered(one, changes, 18)


def test_a_steered_run_is_one_that_was_given_its_changes(live, changes):
    one, cycles = live
    assert one.changes == changes
    assert_same(cycles, itertools.islice(experiment(changes=changes), 19))


def test_what_was_changed_is_what_is_seen(live):
    """Not only the same twice, but what was asked for."""
    _, cycles = live
    plain = list(itertools.islice(experiment("none"), 7))
    for cycle, as_it_was in zip(cycles, plain, strict=False):
        assert torch.equal(cycle.truth, as_it_was.truth)
        assert (cycle.observation == as_it_was.observation) == (cycle.index < 6)
    observed = [c.index for c in cycles if c.observation is not None]
    assert observed == [*range(11), 12, 14, 15, 16, 17, 18]
    assert [c.index for c in cycles if not c.assimilate] == [8, 9]
    assert cycles[7].observation.positions.tolist() == torch.tensor(PLACES).tolist()
    assert not cycles[12].observation.values.isnan().any()
    assert cycles[14].observation.values[:, :2].isnan().all()
    for label in FILTERS:
        sizes = [len(c.filters[label].estimate.parameters) for c in cycles]
        assert sizes == [20] * 9 + [50, 50] + [10] * 4 + [1, 4, 4, 4]
    free = [c.filters["none"].estimate.parameters for c in cycles]
    for index in (10, 14):  # some of the draws of the prior, and more of them
        assert torch.equal(free[index][:10], free[0][:10])


def test_a_run_repeats_from_its_record(live, tsunami):
    one, cycles = live
    record = result_dataset(one, FILTERS, cycles, one.settings)
    read = changes_from(record.attrs["changes"], tsunami)
    assert [c[0] for c in read] == [c[0] for c in one.changes]
    assert isinstance(read[1][1]["sensors"], SensorNetwork)
    assert_same(cycles, itertools.islice(experiment(changes=read), 19))
    assert experiment(changes=read).settings["changes"] == one.settings["changes"]


def test_ensembles_of_a_record_are_as_long_as_the_largest(live):
    one, cycles = live
    record = result_dataset(one, FILTERS, cycles, one.settings)
    assert record.sizes["member"] == 50 and record.attrs["members"] == 20
    for label in FILTERS:
        draws = record.source_x_ensemble.sel(filter=label)
        there = draws.notnull().values
        assert there.sum(axis=1).tolist() == [20] * 9 + [50, 50] + [10] * 4 + [1, 4, 4, 4]
        assert (there[:, :-1] >= there[:, 1:]).all()  # those that lack come last
        expected = cycles[9].filters[label].estimate.parameters[:, 0]
        assert np.array_equal(draws[9], expected)


def test_iterating_again_makes_the_same_changes(live):
    one, cycles = live
    assert_same(cycles, itertools.islice(one, 19))


def test_a_change_that_cannot_be_made_leaves_all_as_it_was(tsunami):
    one = experiment("none", members=2)
    one.change(3, noise=0.2)
    for change, message in (
        ({"noise": -1}, "noise = -1: allowed is 0 to 10"),
        ({"every": 0}, "every = 0: a whole number of at least 1 is needed"),
        ({"members": 0}, "members = 0: a whole number of at least 1 is needed"),
        ({"members": None}, "members = None: a whole number of at least 1 is needed"),
        ({"seed": 3}, r"change of \['seed'\]: allowed are sensors, noise, every, .*, members"),
        ({"full_space_members": 3}, "change of full_space_members: each of them is a run of the"),
    ):
        with pytest.raises(ValueError, match=message):
            one.change(4, **change)
    with pytest.raises(ValueError, match="change at cycle 51: the last is 50"):
        one.change(51, noise=0.1)
    assert one.changes == [(3, {"noise": 0.2})] and one.conditions(4).noise == (0.2,) * 3


def test_an_earlier_change_leaves_a_later_one():
    twin = Twin("tsunami", device="cpu", changes=[(8, {"noise": 0.5})])
    twin.change(4, noise=0.2, missing=0.1)
    twin.change(8, every=3)
    assert [twin.conditions(i).noise[0] for i in (3, 4, 7, 8)] == [0.1, 0.2, 0.2, 0.5]
    assert [twin.conditions(i).missing for i in (3, 4, 8)] == [0.0, 0.1, 0.1]
    assert [twin.conditions(i).every for i in (7, 8)] == [1, 3]


# -- every --------------------------------------------------------------------------------


def test_snapshots_are_observed_by_the_every_of_then():
    twin = Twin("tsunami", device="cpu", every=2, changes=[(5, {"every": 3}), (10, {"every": 1})])
    observed = [index for index in range(13) if twin.observation(index) is not None]
    assert observed == [0, 2, 4, 6, 9, 10, 11, 12]
    assert twin.every == 2


def test_own_measurements_are_taken_by_every_too(tsunami):
    simulated = Twin("tsunami", SensorNetwork.at(tsunami, PLACES), device="cpu")
    own = {index: simulated.observation(index) for index in (0, 2, 3, 4, 6)}
    twin = Twin("tsunami", device="cpu", every=2, changes=[(5, {"every": 3})])
    twin._own = own
    assert [i for i in range(8) if twin.observation(i) is not None] == [0, 2, 4, 6]
    assert twin.observation(6) is own[6]


def test_parts_are_timed_at_every_fifth_observation_that_filters_get():
    """Whatever changes; the first of all is not timed in parts."""
    changes = [
        (0, {"every": 3, "assimilate": False}),
        (6, {"assimilate": True}),
        (8, {"every": 1}),
        (13, {"every": 4}),
    ]
    got = [6, *range(8, 13), 16, 20, 24]
    cycles = itertools.islice(experiment("none", members=2, changes=changes), 25)
    split = [c.index for c in cycles if not math.isnan(c.filters["none"].forecast_ms)]
    assert split == got[1::SPLIT_EVERY] == [8, 16]


# -- members ------------------------------------------------------------------------------


def test_only_ensembles_of_latent_filters_without_their_own_size_change():
    filters = {"own": ("ld-ensf", {"members": 3}), "ld-ensf": "ld-ensf", "letkf": "letkf"}
    changes = [(0, {"members": 6}), (2, {"members": 8})]
    one = experiment(filters, members=4, full_space_members=2, changes=changes)
    assert one.members == 6 and one.full_space_members == 2
    sizes = [
        {label: len(f.estimate.parameters) for label, f in c.filters.items()}
        for c in itertools.islice(one, 3)
    ]
    assert sizes[:2] == [{"own": 3, "ld-ensf": 6, "letkf": 2}] * 2
    assert sizes[2] == {"own": 3, "ld-ensf": 8, "letkf": 2}


class Rigid(LDEnSF):
    name, title, sentence = "rigid", "rigid", "Is LD-EnSF, but for the number of its members."
    resize = Filter.resize


def test_a_filter_that_cannot_change_its_size_is_named():
    message = "change of members: the filter 'mine' has no method resize"
    with pytest.raises(ValueError, match=message):
        experiment({"mine": Rigid}, changes=[(3, {"members": 5})])
    one = experiment({"mine": Rigid, "other": "none"}, members=4)
    with pytest.raises(ValueError, match=message):
        one.change(3, members=5)
    assert one.changes == []
    one.change(3, members=4, noise=0.2)
    kept = experiment({"mine": (Rigid, {"members": 3})}, changes=[(1, {"members": 5})])
    assert [len(c.estimate.parameters) for c in itertools.islice(kept, 2)] == [3, 3]


def test_a_twin_without_filters_has_no_members():
    twin = Twin("tsunami", device="cpu")
    with pytest.raises(ValueError, match=r"change of \['members'\]: allowed are sensors, noise"):
        twin.change(3, members=5)


# -- the record ---------------------------------------------------------------------------


def test_changes_are_read_from_json(tsunami):
    given = [[3, {"sensors": PLACES, "assimilate": False}], [5, {"sensors": None, "noise": 0.2}]]
    (first, second) = changes_from(json.dumps(given), tsunami)
    assert first == (3, {"sensors": SensorNetwork.at(tsunami, PLACES), "assimilate": False})
    assert second == (5, {"sensors": None, "noise": 0.2})
    assert changes_from("[]", tsunami) == []


@pytest.mark.parametrize("attribute", ["", "[3]", "[[3, 4]]", "{}x", None, '{"noise": 3}'])
def test_what_are_no_changes_is_named(tsunami, attribute):
    with pytest.raises(ValueError, match=r"changes .*: JSON is needed, a list of cycles and what"):
        changes_from(attribute, tsunami)


def test_sensors_outside_are_named_when_changes_are_read(tsunami):
    with pytest.raises(ValueError, match="a sensor at x = 2000 km is outside the domain"):
        changes_from('[[3, {"sensors": [[2000, 1]]}]]', tsunami)
