"""A twin before any filter: what changes on the way, and what may be one's own."""

import itertools

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core import (
    DatasetBenchmark,
    SensorNetwork,
    Twin,
    TwinExperiment,
    follow,
    make_filter,
)
from ldensf_core.benchmarks import Tsunami
from ldensf_core.scores import relative_rmse
from ldensf_core.verification.cycle import cycle_scores


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


# -- truths that the filters' model cannot make ----------------------------------------------


def test_other_physics_make_the_truth_and_nothing_else(tsunami):
    """The same parameters, sensors, noise and prior; the run is that of a basin made so."""
    deeper = tsunami.with_error("deeper-water")
    known, hidden = twin(), twin(truth_benchmark=deeper)
    assert hidden.benchmark is tsunami and hidden.truth_benchmark is deeper
    assert known.truth_benchmark is tsunami
    assert hidden.true_parameters.tolist() == known.true_parameters.tolist()
    basin = Tsunami(150, depth=110.0)
    basin.time_step = tsunami.time_step
    run = basin.snapshots(torch.as_tensor(hidden.true_parameters[None]).float())
    for one, other, fields in itertools.islice(zip(hidden, known, run, strict=True), 4):
        assert one.time == other.time and one.observation.sensors == other.observation.sensors
        assert torch.equal(one.truth, fields[0])
        noise = (values(m) - tsunami_values(tsunami, m) for m in (one, other))
        torch.testing.assert_close(*noise, atol=1e-6, rtol=1e-5)
    assert not torch.equal(one.truth, other.truth)


def test_truths_of_the_same_other_physics_are_shared(tsunami):
    hidden = [twin(truth_benchmark=tsunami.with_error("two-sources"), noise=n) for n in (0.1, 0.2)]
    assert hidden[0]._truth is hidden[1]._truth is not twin()._truth


def test_filters_are_wrong_about_other_physics(tsunami):
    def final_error(**options):
        cycles = TwinExperiment("tsunami", "ld-ensf", members=10, device="cpu", **options)
        *_, last = itertools.islice(cycles, 26)
        return relative_rmse(tsunami, last.filters["ld-ensf"].estimate.mean, last.truth)

    error = final_error()
    hidden = final_error(truth_benchmark=tsunami.with_error("deeper-water"))
    print(f"error {error:.3f}, and {hidden:.3f} in deeper water")
    assert hidden > 2 * error


def test_the_record_names_the_physics_of_the_truth(tsunami):
    def named(**options):
        settings = TwinExperiment("tsunami", "none", device="cpu", **options).settings
        return settings.get("truth_benchmark")

    assert named() is None
    hidden = named(truth_benchmark=tsunami.with_error("bottom-drag"))
    assert hidden == "Tsunami in a closed basin, bottom drag"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"truth_benchmark": "deeper-water"}, "truth_benchmark 'deeper-water': a Benchmark is"),
        ({"truth_benchmark": Tsunami(20)}, "truth_benchmark has other x: 20 from 25 to 975 km"),
        (
            {"truth_benchmark": Tsunami(depth=110.0)},
            "truth_benchmark has other times: 51 from 0 to 11.27.* h; 51 from 0 to 11.8.* h are",
        ),
        (
            {"truth_benchmark": Tsunami(), "truth_fields": 3},
            "makes no truth where truth_fields are given",
        ),
    ],
)
def test_other_physics_that_cannot_be_used_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        twin(**options)


def test_other_physics_make_no_truth_that_nobody_asked_for(tsunami):
    """With own measurements the truth is unknown, unless its parameters are given."""
    measured = {"observations": table(tsunami, twin(), n=1)}
    deeper = tsunami.with_error("deeper-water")
    with pytest.raises(ValueError, match=r"makes no truth .* for observations without truth"):
        twin(truth_benchmark=deeper, **measured)
    known = twin(truth_benchmark=deeper, truth={"source_x": 120.0, "source_y": 300.0}, **measured)
    assert known.truth_at(0).isfinite().all()


# -- a truth outside the prior -----------------------------------------------------------------


def test_a_truth_outside_the_prior_runs_with_a_warning(tsunami):
    truth = {"source_x": 700.0, "source_y": 300.0}
    message = "source_x = 700 km is outside of 0 to 500: filters know the prior only"
    with pytest.warns(UserWarning, match=message) as told:
        outside = twin(truth=truth)
    assert len(told) == 1 and told[0].filename == __file__
    assert outside.true_parameters.tolist() == [700.0, 300.0]
    row, column = divmod(int(outside.truth_at(0)[2].argmax()), 150)
    assert abs(tsunami.x.points[column] - 700) < 7 and abs(tsunami.y.points[row] - 300) < 7


def test_scores_are_those_of_the_truth_outside_the_prior(tsunami):
    with pytest.warns(UserWarning, match="source_x = 900 km is outside"):
        experiment = TwinExperiment(
            "tsunami", "none", members=5, device="cpu", truth={"source_x": 900, "source_y": 100}
        )
    cycle = next(iter(experiment))
    scores = cycle_scores(tsunami, cycle, "none", experiment.true_parameters)
    x, y = cycle.filters["none"].estimate.parameters.mean(0).tolist()
    expected = (abs(x - 900) + abs(y - 100)) / 2 / 500
    assert scores["parameter_error"] == pytest.approx(expected, rel=1e-5) and expected > 0.5
    assert all(np.isfinite(scores[name]) for name in ("rel_rmse", "crps", "coverage90"))


def test_given_fields_may_be_of_parameters_outside_the_prior(run):
    with pytest.warns(UserWarning, match="source_y = 800 km is outside of 0 to 500"):
        own = twin(truth_fields=run.assign_coords(source_y=800.0))
    assert own.true_parameters.tolist() == [120.0, 800.0]


@pytest.mark.parametrize(
    "name, truth, message",
    [
        ("tsunami", {"source_x": -1.0, "source_y": 9.0}, "source_x = -1 km: .* runs 0 to 1000"),
        ("kolmogorov", {"reynolds": -5.0}, "reynolds = -5 1: .*, the solver runs 10 to inf"),
        ("kolmogorov", {"reynolds": np.inf}, "reynolds = inf 1: .*, the solver runs 10 to inf"),
        ("atmosphere", {"amplitude": 3.0, "width": 0.0}, "width = 0 10°: .* runs any above 0"),
        ("atmosphere", {"amplitude": np.nan, "width": 1.0}, "amplitude = nan m/h: .* 0.1 to 30"),
    ],
)
def test_a_truth_that_the_solver_cannot_run_is_refused(name, truth, message):
    with pytest.raises(ValueError, match=message):
        Twin(name, truth=truth, device="cpu")


@pytest.mark.parametrize(
    "name, truth, message",
    [
        ("kolmogorov", {"reynolds": 2000.0}, "reynolds = 2000 is outside of 500 to 1500"),
        ("atmosphere", {"amplitude": 5, "width": 6}, "width = 6 10° is outside of 1 to 4"),
    ],
)
def test_other_benchmarks_run_beyond_their_priors_too(name, truth, message):
    with pytest.warns(UserWarning, match=message):
        assert Twin(name, truth=truth, device="cpu").true_parameters.tolist() == [*truth.values()]


def test_a_file_of_runs_has_no_truth_outside_its_prior(run):
    draws = Tsunami(12).sample_parameters(6, seed=0)
    runs = DatasetBenchmark(Tsunami(12).simulate(draws))
    with pytest.raises(ValueError, match=r"source_x = 600 km: .* the solver runs 0 to 500"):
        Twin(runs, truth={"source_x": 600.0, "source_y": 10.0}, device="cpu")
