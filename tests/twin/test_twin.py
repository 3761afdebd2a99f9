"""A twin before any filter: what changes on the way, and what may be one's own."""

import itertools

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core import SensorNetwork, Twin, TwinExperiment, follow, make_filter


def twin(**options):
    return Twin("tsunami", device="cpu", **options)


def moments(n, **options):
    return list(itertools.islice(twin(**options), n))


def values(moment):
    return moment.observation.values


# -- changes ------------------------------------------------------------------------------


def test_changes_hold_from_their_cycle_on(tsunami):
    few = SensorNetwork.grid(tsunami, 3, 3)
    changed = moments(
        7,
        changes=[
            (4, {"sensors": few, "noise": 0.0}),
            (2, {"noise": 0.5}),
            (5, {"assimilate": False}),
        ],
    )
    plain = moments(7)
    for moment, as_it_was in zip(changed, plain, strict=True):
        assert torch.equal(moment.truth, as_it_was.truth)
        assert moment.assimilate == (moment.index < 5)
    for i in (0, 1):
        assert changed[i].observation == plain[i].observation
    for i in (2, 3):  # the same draws, five times as large
        truth = tsunami_values(tsunami, plain[i])
        torch.testing.assert_close(values(changed[i]) - truth, 5 * (values(plain[i]) - truth))
    for i in (4, 5, 6):
        assert changed[i].observation.sensors == few
        assert torch.equal(values(changed[i]), few.values(changed[i].truth))


def tsunami_values(tsunami, moment):
    return SensorNetwork.grid(tsunami, *tsunami.sensor_grid).values(moment.truth)


def test_changes_repeat():
    changes = [(1, {"noise": 0.3, "missing": 0.5}), (2, {"variables": ["eta"]})]
    one, other = moments(4, changes=changes), moments(4, changes=changes)
    assert [m.observation for m in one] == [m.observation for m in other]
    assert values(one[2])[:, :2].isnan().all() and not values(one[2])[:, 2].isnan().all()


def test_a_filter_does_not_get_what_is_not_to_be_assimilated():
    off = TwinExperiment(
        "tsunami", "ld-ensf", members=3, device="cpu", changes=[(0, {"assimilate": False})]
    )
    free = TwinExperiment("tsunami", "none", members=3, device="cpu")
    for one, other in itertools.islice(zip(off, free, strict=True), 4):
        assert one.observation == other.observation
        mean = one.filters["ld-ensf"].estimate.mean
        assert torch.equal(mean, other.filters["none"].estimate.mean)


def test_noise_and_variables_by_name(tsunami):
    noise = {"u": 0.0, "v": 0.1, "eta": 0.4}
    (first,) = moments(1, noise=noise, variables=["u", "eta"])
    exact = tsunami_values(tsunami, first)
    assert torch.equal(values(first)[:, 0], exact[:, 0])
    assert values(first)[:, 1].isnan().all()
    std = tsunami.std(exact)
    assert torch.allclose(first.observation.std, std * torch.tensor([0.0, 0.1, 0.4]))
    (plain,) = moments(1, noise=0.4)
    assert torch.equal(values(first)[:, 2], values(plain)[:, 2])
    assert twin(noise=noise).noise == noise and twin(noise=0.3).noise == 0.3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"changes": [(60, {"noise": 0.1})]}, "change at cycle 60: the last is 50"),
        ({"changes": [(-1, {})]}, r"change \(-1, {}\): a cycle and what changes, by name, is"),
        ({"changes": [3]}, "change 3: a cycle and what changes"),
        (
            {"changes": [(3, {"members": 5})]},
            r"change of \['members'\]: allowed are sensors, noise",
        ),
        ({"changes": [(3, {"noise": -1})]}, "noise = -1: allowed is 0 to 10"),
        ({"changes": [(3, {"assimilate": 1})]}, "assimilate = 1: True or False is needed"),
        ({"variables": ["h"]}, r"variables \['h'\]: choose of u, v, eta"),
        ({"variables": []}, r"variables \[\]: choose of u, v, eta"),
        ({"noise": {"u": 0.1}}, r"noise of \['u'\]: one number for each of u, v, eta"),
        ({"truth_fields": 3}, "truth_fields hold 3: a dataset of u, v, eta is needed"),
        ({"observations": 3}, "observations hold 3: time, x, y, variable, value, std are needed"),
    ],
)
def test_what_cannot_be_used_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        twin(**options)


# -- own truth ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tsunami):
    return tsunami.simulate({"source_x": 120.0, "source_y": 300.0})


def test_own_fields_are_followed_as_a_run_is(run):
    own = twin(truth_fields=run)
    same = twin(truth={"source_x": 120.0, "source_y": 300.0})
    assert np.isnan(own.true_parameters).all() or own.true_parameters.tolist() == [120.0, 300.0]
    for one, other in itertools.islice(zip(own, same, strict=True), 3):
        assert torch.equal(one.truth, other.truth) and one.observation == other.observation


def test_own_fields_may_be_fewer(run):
    short = twin(truth_fields=run.isel(time=slice(4)))
    assert len(short) == len(list(short)) == 4
    experiment = TwinExperiment(
        "tsunami", "ld-ensf", members=3, device="cpu", truth_fields=run.isel(time=slice(4))
    )
    assert experiment.run().sizes["time"] == 4


def test_own_fields_that_do_not_fit_are_named(run):
    for bad, message in (
        (run.drop_vars("eta"), "a dataset of u, v, eta is needed"),
        (run.isel(x=slice(9)), r"u is .*'x': 9.*\(y, x\) = \(150, 150\) is needed"),
        (run * np.nan, "u is not finite everywhere"),
    ):
        with pytest.raises(ValueError, match=message):
            twin(truth_fields=bad)


# -- own measurements ---------------------------------------------------------------------


def table(tsunami, source, every=1, n=3):
    """The observations of a twin as anyone may have them, in any order."""
    rows = []
    for moment in itertools.islice(source, n):
        if moment.index % every:
            continue
        o = moment.observation
        for s, (x, y) in enumerate(o.sensors.positions.tolist()):
            for i, v in enumerate(tsunami.variables):
                value, std = float(o.values[s, i]), float(o.std[i])
                rows.append((moment.time + 0.01, x, y, v.name, value, std))
    order = np.random.default_rng(0).permutation(len(rows))
    columns = zip(*(rows[k] for k in order), strict=True)
    names = ("time", "x", "y", "variable", "value", "std")
    return xr.Dataset({n: ("report", np.array(c)) for n, c in zip(names, columns, strict=True)})


def test_own_measurements_are_assimilated_as_simulated_ones_are(tsunami):
    simulated = twin(missing=0.2, sensors=SensorNetwork.random(tsunami, 30, seed=1))
    own = twin(observations=table(tsunami, simulated))
    assert np.isnan(own.true_parameters).all() and own.truth_at(0).isnan().all()
    filters = [make_filter("ld-ensf", tsunami, members=4, device="cpu") for _ in range(2)]
    runs = (follow(f, t) for f, t in zip(filters, (own, simulated), strict=True))
    for one, other in itertools.islice(zip(*runs, strict=True), 3):
        there = {tuple(place) for place in other.observation.positions.tolist()}
        assert {tuple(place) for place in one.observation.positions.tolist()} <= there
        torch.testing.assert_close(one.estimate.mean, other.estimate.mean, atol=2e-4, rtol=1e-3)


def test_the_record_of_own_measurements_says_what_nobody_knows(tsunami):
    own = table(tsunami, twin(), every=2, n=4)
    experiment = TwinExperiment("tsunami", "ld-ensf", members=3, device="cpu", observations=own)
    result = experiment.run()
    assert result["rel_rmse"].isnull().all() and result["eta"].isnull().all()
    assert result["eta_observed"].notnull().any("sensor").values[:5].tolist() == [1, 0, 1, 0, 0]
    assert result["eta_mean"].notnull().all()


def test_measurements_that_cannot_be_used_are_named(tsunami):
    good = table(tsunami, twin(), n=1)
    far = good.assign(time=good.time + 100)
    two = good.assign(std=good["std"] * np.linspace(1, 2, good.sizes["report"]))
    for bad, message in (
        (good.drop_vars("std"), "time, x, y, variable, value, std are needed"),
        (far, r"observations at time 100.01 h: snapshots are from 0 to .*, .* apart"),
        (good.assign(x=good.x + 2000), "x = .* km is outside the domain"),
        (good.assign(variable=("report", np.full(300, "h"))), r"\['h'\]: variables are u, v, eta"),
        (two, "observations of u at snapshot 0 have standard deviations from"),
        (good.assign(std=("report", np.full(300, "x"))), "std is of <U1; numbers are needed"),
        (xr.concat([good, good], "report"), "at snapshot 0: a place reports a variable twice"),
    ):
        with pytest.raises(ValueError, match=message):
            twin(observations=bad)
