import itertools
import math
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core import FILTERS, SensorNetwork, TwinExperiment, make_filter
from ldensf_core.benchmarks import Tsunami
from ldensf_core.filters import FreeRun, LDEnSF
from ldensf_core.twin.follow import SPLIT_EVERY
from ldensf_core.twin.truth import Trajectory


def experiment(filters="none", **options):
    options = {"members": 3, "device": "cpu"} | options
    return TwinExperiment("tsunami", filters, **options)


def first(cycles, n=3):
    return list(itertools.islice(cycles, n))


def assert_same_scene(one, other):
    """The same truth and the same observations."""
    assert torch.equal(one.truth, other.truth)
    assert (one.index, one.time) == (other.index, other.time)
    a, b = one.observation, other.observation
    assert torch.equal(a.positions, b.positions) and torch.equal(a.std, b.std)
    assert torch.equal(a.values.nan_to_num(-9.0), b.values.nan_to_num(-9.0))


# -- the cycles ---------------------------------------------------------------------------


def test_one_cycle_a_snapshot(tsunami):
    twin = experiment(members=1)
    cycles = list(twin)
    assert len(twin) == len(cycles) == tsunami.n_times
    assert [c.index for c in cycles] == list(range(51))
    assert [c.time for c in cycles] == tsunami.times.tolist()


def test_cycles_hold_what_they_say():
    twin = experiment(["ld-ensf", "none", "ensf"], full_space_members=2)
    for cycle in first(twin):
        assert cycle.truth.shape == (3, 150, 150) and cycle.truth.device.type == "cpu"
        assert cycle.observation.index == cycle.index
        assert cycle.observation.values.shape == (100, 3)
        assert list(cycle.filters) == ["ld-ensf", "none", "ensf"]
        for name, result in cycle.filters.items():
            members = 2 if name == "ensf" else 3
            assert result.estimate.ensemble.shape == (members, 3, 150, 150)
            assert result.estimate.parameters.shape == (members, 2)
            assert result.estimate.mean.isfinite().all()


@pytest.mark.alone
def test_a_cycle_is_timed_as_a_whole_and_now_and_then_in_its_parts():
    twin = experiment(["ld-ensf", "ensf"], every=2, full_space_members=1)
    cycles = first(twin, 2 * SPLIT_EVERY)
    split = {2}  # the second observation, and then each fifth
    for cycle in cycles:
        for result in cycle.filters.values():
            assert result.cycle_ms > 0 and result.decode_ms > 0
            parts = result.forecast_ms, result.analysis_ms
            if cycle.index in split:
                assert min(parts) > 0 and result.cycle_ms == pytest.approx(sum(parts))
            else:
                assert all(map(math.isnan, parts))
    # Forty steps of the solver against one of the latent dynamics, both at their quickest.
    latent, solver = (
        min(c.filters[name].cycle_ms for c in cycles if c.index % 2) for name in twin.filters
    )
    assert solver > 5 * latent


def test_cycles_in_one_go_and_in_parts_are_the_same(monkeypatch):
    """Which of them are timed apart changes nothing but the times."""
    runs = []
    for every in (1, 1000):
        monkeypatch.setattr("ldensf_core.twin.follow.SPLIT_EVERY", every)
        twin = experiment(["ld-ensf", "latent-enkf", "letkf"], full_space_members=2)
        runs.append(first(twin, 4))
    for name in runs[0][0].filters:
        apart, joined = (run[-1].filters[name] for run in runs)
        assert math.isnan(joined.forecast_ms) and not math.isnan(apart.forecast_ms)
        assert torch.equal(apart.estimate.mean, joined.estimate.mean)


def test_truth_is_a_run_of_the_solver(tsunami):
    truth = {"source_x": 120.0, "source_y": 340.0}
    twin = experiment(truth=truth, members=1)
    assert twin.true_parameters.tolist() == [120.0, 340.0]
    run = tsunami.simulate(truth)
    for cycle in first(twin, 51)[::25]:
        for field, name in zip(cycle.truth, ("u", "v", "eta"), strict=True):
            assert np.array_equal(field, run[name][cycle.index])


@pytest.mark.parametrize("form", ["scalars", "one trajectory"])
def test_truth_may_be_a_dataset(tsunami, form):
    draws = tsunami.sample_parameters(1, seed=4)
    twin = experiment(truth=draws if form == "one trajectory" else draws.isel(trajectory=0))
    assert twin.true_parameters.tolist() == tsunami.parameter_array(draws)[0].tolist()


def test_observations_are_the_truth_with_noise():
    """Of the asked size, independent between sensors, variables and times."""
    twin = experiment(noise=0.25, members=1)
    std = twin.benchmark.std(torch.empty(0))
    errors = []
    for index, truth in enumerate(twin._truth):
        observation = twin.observation(index)
        torch.testing.assert_close(observation.std, 0.25 * std)
        errors.append((observation.values - twin.sensors.values(truth)) / std)
    errors = torch.stack(errors)  # (51, 100, 3)
    assert errors.std().item() == pytest.approx(0.25, rel=0.03)
    assert abs(errors.mean().item()) < 4 * 0.25 / errors.numel() ** 0.5
    table = np.corrcoef(errors.permute(1, 2, 0).reshape(-1, 51).T.numpy())  # between times
    assert np.abs(table - np.eye(51)).max() < 5.5 / 300**0.5


def test_no_noise_is_the_truth_itself():
    twin = experiment(noise=0.0)
    cycle = next(iter(twin))
    assert torch.equal(cycle.observation.values, twin.sensors.values(cycle.truth))


def test_every_kth_snapshot_is_observed():
    twin = experiment(every=7)
    observed = [index for index in range(51) if twin.observation(index) is not None]
    assert observed == [0, 7, 14, 21, 28, 35, 42, 49]
    assert [c.observation is None for c in first(twin, 9)] == [i % 7 != 0 for i in range(9)]


@pytest.mark.parametrize("missing", [0.0, 0.4, 1.0])
def test_sensors_go_missing_as_often_as_asked(missing):
    twin = experiment(missing=missing)
    gone = torch.stack([~twin.observation(index).present for index in range(51)])
    assert torch.equal(gone.any(-1), gone.all(-1))  # a sensor reports all or nothing
    share = gone[..., 0].float().mean().item()
    assert share == pytest.approx(missing, abs=4 * 0.5 / 5100**0.5 if 0 < missing < 1 else 0)
    assert (gone[0] != gone[1]).any() == (0 < missing < 1)


def test_filters_run_on_when_all_is_missing():
    """They are then what no assimilation is."""
    twin = experiment(["ld-ensf", "none"], missing=1.0)
    for cycle in first(twin):
        filtered, free = (cycle.filters[name].estimate for name in ("ld-ensf", "none"))
        assert torch.equal(filtered.ensemble, free.ensemble)


@pytest.mark.parametrize("name, columns, rows", [("tsunami", 10, 10), ("atmosphere", 32, 16)])
def test_sensors_are_by_default_the_benchmarks_own_grid(name, columns, rows):
    twin = TwinExperiment(name, "ensf", device="cpu")
    assert twin.sensors.layout == "grid" and len(twin.sensors) == columns * rows
    assert [len(set(twin.sensors.positions[:, i])) for i in (0, 1)] == [columns, rows]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("part", ["spin_up", "advance", "fields"])
def test_a_truth_that_was_interrupted_goes_on_where_it_was(monkeypatch, part, error):
    """Also for every experiment to come that shares it."""
    basin, parameters = Tsunami(20), torch.tensor([[120.0, 340.0]])
    expected = basin.trajectories(parameters)[0]
    whole, calls = getattr(basin, part), itertools.count(1)

    def failing(*args):
        if next(calls) == (1 if part == "spin_up" else 5):
            raise error
        return whole(*args)

    monkeypatch.setattr(basin, part, failing)
    trajectory = Trajectory(basin, parameters)
    with pytest.raises(error):
        trajectory[8]
    assert torch.equal(torch.stack([trajectory[i] for i in range(51)]), expected)


def test_sensors_that_were_pickled_are_taken(tsunami):
    sensors = pickle.loads(pickle.dumps(SensorNetwork.random(tsunami, 5, seed=1)))
    assert experiment("none", sensors=sensors).sensors is sensors


def test_cycles_can_be_told_apart():
    """Though what they hold, being arrays, is neither equal nor unequal as a whole."""
    for one, other in itertools.pairwise(first(experiment("ld-ensf"))):
        a, b = one.filters["ld-ensf"], other.filters["ld-ensf"]
        for x, y in ((one, other), (a, b), (a.estimate, b.estimate)):
            assert x == x and x != y and len({x, y}) == 2


# -- seeds --------------------------------------------------------------------------------


def test_members_can_be_spun_up_ahead_of_the_first_cycle(monkeypatch):
    ahead = TwinExperiment("kolmogorov", ["ensf", "letkf"], full_space_members=1, seed=123)
    assert list(ahead.spin_up()) == pytest.approx(np.arange(1, 21) / 20)
    monkeypatch.setattr(type(ahead.benchmark), "spin_up", lambda *_: pytest.fail("spun up again"))
    ahead._truth = [torch.zeros(2, 150, 150)]
    assert set(next(iter(ahead)).filters) == {"ensf", "letkf"}
    assert list(TwinExperiment("kolmogorov", ["none"]).spin_up()) == []


def test_iterating_again_gives_the_same_run():
    twin = experiment(["ld-ensf", "ensf"], missing=0.2, full_space_members=2)
    for one, other in zip(first(twin), first(twin), strict=True):
        assert_same_scene(one, other)
        for name in twin.filters:
            estimates = one.filters[name].estimate, other.filters[name].estimate
            assert torch.equal(estimates[0].ensemble, estimates[1].ensemble)
            assert torch.equal(estimates[0].parameters, estimates[1].parameters)


def test_two_iterations_at_once_do_not_disturb_each_other():
    twin = experiment("ld-ensf")
    alone = [c.filters["ld-ensf"].estimate.mean for c in first(twin)]
    for index, pair in enumerate(zip(first(twin), iter(twin), strict=False)):
        for cycle in pair:
            assert torch.equal(cycle.filters["ld-ensf"].estimate.mean, alone[index])


def test_experiments_that_differ_in_filters_see_the_same():
    """And a filter does not notice who runs beside it."""
    latent = experiment(["ld-ensf"], missing=0.2)
    both = experiment(["none", "ld-ensf"], missing=0.2)
    full_space = experiment(["ensf"], missing=0.2, full_space_members=2)
    for one, two, three in zip(*map(first, (latent, both, full_space)), strict=True):
        assert_same_scene(one, two)
        assert_same_scene(one, three)
        estimates = [cycle.filters["ld-ensf"].estimate.ensemble for cycle in (one, two)]
        assert torch.equal(*estimates)


def test_seed_changes_truth_noise_and_ensemble():
    one, other = (next(iter(experiment(seed=seed, noise=0.1))) for seed in (1, 2))
    assert not torch.equal(one.truth, other.truth)
    members = [c.filters["none"].estimate.parameters for c in (one, other)]
    assert not torch.equal(*members)
    given = {"source_x": 120.0, "source_y": 340.0}
    one, other = (next(iter(experiment(seed=seed, truth=given))) for seed in (1, 2))
    assert torch.equal(one.truth, other.truth)
    assert not torch.equal(one.observation.values, other.observation.values)


@pytest.mark.parametrize("seed", range(3))
def test_truth_is_drawn_from_the_prior_and_is_no_member(tsunami, seed):
    """Nor any of the published split, on which the weights were trained and tested."""
    twin = experiment(seed=seed, members=50)
    truth = torch.as_tensor(twin.true_parameters)
    assert ((truth >= 0) & (truth <= 500)).all()
    members = next(iter(twin)).filters["none"].estimate.parameters
    assert (members - truth).norm(dim=1).min() > 0.1  # km
    known = tsunami.parameter_array(tsunami.sample_parameters(200, seed=0))
    assert np.linalg.norm(known - twin.true_parameters, axis=1).min() > 0.1


# -- a whole run --------------------------------------------------------------------------


def test_assimilation_beats_none_on_a_fresh_truth():
    result = experiment(["ld-ensf", "none"], members=10).run().isel(time=slice(-12, None))
    error = result.rel_rmse.mean("time")
    assert error.sel(filter="ld-ensf") < 0.06
    assert error.sel(filter="none") > 0.5


@pytest.mark.parametrize("name", [name for name in FILTERS if name != "none"])
def test_every_filter_runs_and_beats_none(monkeypatch, name):
    """Those without learned parts on a coarse grid, beside themselves without observations."""
    coarse = name in ("ensf", "ensf-inpainting", "letkf")
    if coarse:
        basin = Tsunami(30)
        monkeypatch.setattr("ldensf_core.twin.experiment.get_benchmark", lambda _: basin)
    errors = []
    for filters, missing in ((name, 0.0), (name if coarse else "none", 1.0)):
        few = 10 if coarse else 3
        twin = experiment(filters, members=10, full_space_members=few, missing=missing)
        cycles = list(twin)
        errors.append([relative_rmse(c.filters[filters].estimate.mean, c.truth) for c in cycles])
    error, free = (np.mean(e[-12:]) for e in errors)
    assert np.isfinite(errors).all()
    assert error < (0.95 if name == "ensf" else 0.5) * free


@pytest.mark.parametrize("wild", [1e4, 1e38])
@pytest.mark.parametrize(
    "name, rule", [*((name, "gaussian") for name in FILTERS), ("ld-ensf", "published")]
)
def test_a_wild_value_fails_no_filter(monkeypatch, name, rule, wild):
    """It may blow up and say NaN, in that cycle and later."""
    options = {name: {"rule": rule}} if name == "ld-ensf" else {}
    twin = experiment(name, full_space_members=3, options=options)
    observation = twin.observation

    def spoilt(index):
        observed = observation(index)
        if index == 0:
            observed.values[3, 2] = wild
        return replace(observed)

    monkeypatch.setattr(twin, "observation", spoilt)
    cycles = first(twin)
    assert len(cycles) == 3
    for cycle in cycles:
        estimate = cycle.filters[name].estimate
        assert estimate.mean.shape == estimate.spread.shape == (3, 150, 150)
        assert estimate.ensemble.shape == (3, 3, 150, 150)


def relative_rmse(mean, truth):
    return float((mean - truth).norm() / truth.norm())


def test_options_go_before_what_is_tuned_and_that_before_defaults(tsunami):
    given = {"letkf": {"radius": 321.0, "inflation": 1.5}}
    settings = experiment("letkf", options=given).settings["options"]["letkf"]
    assert (settings["radius"], settings["inflation"]) == (321.0, 1.5)
    assert settings["points"] == 4.0
    assert settings["parameter_taper"] == tsunami.tuning["letkf"]["parameter_taper"]
    letkf = make_filter("letkf", tsunami, members=2, radius=321.0)
    assert (letkf.radius, letkf.inflation) == (321.0, tsunami.tuning["letkf"]["inflation"])


def test_one_filter_under_several_labels():
    filters = {"small": ("ld-ensf", {"members": 2}), "large": "ld-ensf", "none": FreeRun}
    twin = experiment(filters, members=4, options={"large": {"rule": "published"}})
    cycle = first(twin)[-1]
    members = {label: len(f.estimate.parameters) for label, f in cycle.filters.items()}
    assert members == {"small": 2, "large": 4, "none": 4}
    same = first(experiment("ld-ensf", members=2))[-1].filters["ld-ensf"].estimate
    assert torch.equal(cycle.filters["small"].estimate.mean, same.mean)
    published = experiment("ld-ensf", members=4, options={"ld-ensf": {"rule": "published"}})
    same = first(published)[-1].filters["ld-ensf"].estimate
    assert torch.equal(cycle.filters["large"].estimate.mean, same.mean)


def test_classes_and_objects_are_filters(model, tsunami):
    ready = LDEnSF(model)
    cycles = zip(*(first(experiment(f)) for f in ("ld-ensf", LDEnSF, [ready])), strict=True)
    for cycle in cycles:
        means = [c.filters["ld-ensf"].estimate.mean for c in cycle]
        assert torch.equal(means[0], means[1]) and torch.equal(means[0], means[2])
    with pytest.raises(ValueError, match=r"options of 'ld-ensf' = .* the filter is made already"):
        experiment([ready], options={"ld-ensf": {"rule": "published"}})


def test_run_goes_to_a_file_and_back(tmp_path):
    result = experiment(members=2, every=10, missing=0.1).run()
    assert dict(result.sizes) == {
        "time": 51, "y": 150, "x": 150, "filter": 1, "sensor": 100, "member": 2,
    }  # fmt: skip
    result.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf", decode_timedelta=False) as back:
        assert back.load().identical(result)


# -- what is refused ----------------------------------------------------------------------


def ldensf(**options):
    return {"filters": "ld-ensf", "options": {"ld-ensf": options}}


def letkf(**options):
    return {"filters": "letkf", "options": {"letkf": options}}


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"filters": []},
            r"filters \[\]: choose one or more of ld-ensf, .*, ensf, .*, letkf, .*, none",
        ),
        ({"filters": ["none", "none"]}, r"'none', 'none'\]: each once, or a mapping from labels"),
        (
            {"filters": ["ld-ensf", "kalman"]},
            "filter 'kalman' is unknown; there are ld-ensf, latent",
        ),
        ({"filters": "kalman"}, "filter 'kalman' is unknown; there are ld-ensf"),
        ({"filters": {"a": ("none", 3)}}, r"\('none', 3\): a filter, or a filter and its options"),
        ({"filters": {"": "none"}}, "there is another ''"),
        ({"options": {"kalman": {}}}, r"options of \['kalman'\]: the filters are none"),
        ({"filters": None}, "filter None: a name, a class or an object of Filter is needed"),
        ({"filters": [["none"]]}, r"filter \['none'\]: a name, a class or an object of Filter"),
        ({"filters": [int]}, "filter <class 'int'>: a name, a class or an object of Filter"),
        ({"options": "letkf"}, "options 'letkf': a mapping by filter is needed"),
        (
            {"filters": "ld-ensf", "options": {"ld-ensf": None}},
            "options of 'ld-ensf' = None: a mapping by name",
        ),
        (
            {"filters": "ld-ensf", "options": {"ld-ensf": {"radius": 3}}},
            "{'radius': 3}: allowed are rule",
        ),
        (letkf(radiuss=3), "allowed are inflation, radius, parameter_taper, points"),
        (letkf(radius="3"), "radius of 'letkf' = '3': allowed is 0 to inf"),
        (letkf(radius=math.nan), "radius of 'letkf' = nan: allowed is 0 to inf"),
        (letkf(members=0), "members of 'letkf' = 0: a whole number of at least 1"),
        (
            {"filters": "ensf", "options": {"ensf": {"steps": 99.5}}},
            "steps of 'ensf' = 99.5: a whole number of at least 3",
        ),
        ({"sensors": [[1.0, 2.0]]}, r"sensors \[\[1.0, 2.0\]\]: a SensorNetwork is needed"),
        ({"sensors": "grid"}, "sensors 'grid': a SensorNetwork is needed"),
        ({"model": "tsunami"}, "model 'tsunami': a LatentModel is needed"),
        ({"noise": "0.1"}, "noise = '0.1': allowed is 0 to 10"),
        ({"noise": None}, "noise = None: allowed is 0 to 10"),
        ({"noise": True}, "noise = True: allowed is 0 to 10"),
        ({"missing": "0"}, "missing = '0': allowed is 0 to 1"),
        (
            {"filters": "ld-ensf", "options": {"ld-ensf": {"rule": None}}},
            "rule of 'ld-ensf' = None: there are gaussian",
        ),
        ({"device": None}, "device None is unknown; there are auto, cpu, cuda"),
        ({"truth": 3}, "parameters 3: a mapping or dataset of source_x, source_y is needed"),
        (
            {"truth": {"source_x": "far", "source_y": 1.0}},
            "source_x = 'far': numbers from 0 to 500 km are needed",
        ),
        (
            {"truth": {"source_x": 1.0, "source_y": None}},
            "source_y = None: numbers from 0 to 500 km are needed",
        ),
        (
            {"truth": {"source_x": True, "source_y": 1.0}},
            "source_x = True: numbers from 0 to 500 km are needed",
        ),
        ({"members": 0}, "members = 0: a whole number of at least 1"),
        ({"members": 2.5}, "members = 2.5: a whole number of at least 1"),
        ({"members": "20"}, "members = '20': a whole number of at least 1"),
        ({"members": True}, "members = True: a whole number of at least 1"),
        ({"full_space_members": 0}, "full_space_members = 0: a whole number of at least 1"),
        ({"every": 0}, "every = 0: a whole number of at least 1"),
        ({"every": 1.5}, "every = 1.5: a whole number of at least 1"),
        ({"seed": -1}, "seed = -1: a whole number of at least 0"),
        ({"seed": None}, "seed = None: a whole number of at least 0"),
        ({"noise": -1.0}, "noise = -1.0: allowed is 0 to 10"),
        ({"noise": math.nan}, "noise = nan: allowed is 0 to 10"),
        ({"noise": math.inf}, "noise = inf: allowed is 0 to 10"),
        ({"missing": 2}, "missing = 2: allowed is 0 to 1"),
        ({"missing": -0.1}, "missing = -0.1: allowed is 0 to 1"),
        ({"missing": math.nan}, "missing = nan: allowed is 0 to 1"),
        ({"device": "gpu"}, "device 'gpu' is unknown; there are auto, cpu, cuda"),
        ({"truth": {"source_x": 100.0}}, r"takes the parameters source_x, source_y; missing: \['s"),
        (
            {"truth": {"source_x": 100.0, "source_y": 1000.5}},
            r"source_y = 1000.5 km: allowed is 0 to 500 \(the prior\), the solver runs 0 to 1000",
        ),
        (
            {"truth": {"source_x": math.nan, "source_y": 100.0}},
            "source_x = nan km: allowed is 0 to 500",
        ),
    ],
)
def test_bad_arguments_are_named_with_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        experiment(**options)


def test_numbers_of_numpy_are_taken(tsunami):
    plain = experiment(
        "letkf",
        sensors=SensorNetwork.random(tsunami, 9, seed=2),
        noise=0.5,
        missing=0.25,
        every=2,
        seed=3,
        options={"letkf": {"radius": 250.0}},
    )
    numpy = experiment(
        "letkf",
        sensors=SensorNetwork.random(tsunami, np.int32(9), seed=np.uint8(2)),
        noise=np.float32(0.5),
        missing=np.float64(0.25),
        every=np.int64(2),
        seed=np.uint16(3),
        members=np.int8(3),
        options={"letkf": {"radius": np.float32(250.0)}},
    )
    one, other = next(iter(plain)), next(iter(numpy))
    assert other.observation == one.observation
    assert torch.equal(other.filters["letkf"].estimate.mean, one.filters["letkf"].estimate.mean)
    for name in ("noise", "missing", "every", "seed", "members", "full_space_members"):
        assert type(getattr(numpy, name)) in (int, float)


@pytest.mark.parametrize("benchmark", [None, 3, ["tsunami"]])
def test_what_is_no_name_of_a_benchmark_is_named(benchmark):
    with pytest.raises(ValueError, match=re.escape(f"benchmark {benchmark!r} is unknown")):
        TwinExperiment(benchmark)


def test_unknown_benchmark_is_named():
    with pytest.raises(ValueError, match=r"benchmark 'tsunamy' is unknown; there are .*tsunami"):
        TwinExperiment("tsunamy")


def test_cuda_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device 'cuda': torch finds no CUDA GPU here"):
        experiment(device="cuda")


def test_sensors_of_another_benchmark_are_refused():
    with pytest.raises(ValueError, match="in 'tsunami': make them with this benchmark"):
        experiment(sensors=SensorNetwork.grid(Tsunami(20), 4, 4))


def test_two_truths_are_refused(tsunami):
    with pytest.raises(ValueError, match="truth holds 2 trajectories: give one"):
        experiment(truth=tsunami.sample_parameters(2, seed=0))


def test_filters_are_those_that_are_exported():
    assert list(FILTERS)[:10] == [
        "ld-ensf",
        "latent-smoother",
        "latent-etkf",
        "latent-enkf",
        "encoder",
        "ensf",
        "ensf-inpainting",
        "letkf",
        "latent-ensf",
        "none",
    ]
    assert list(experiment("none").filters) == ["none"]


def test_disagreement_is_recorded():
    """χ²/n of every filter; the smoother alone judges, and flags a source beyond the prior."""
    with pytest.warns(UserWarning, match="prior"):
        wrong = experiment(["ld-ensf", "latent-smoother"], truth={"source_x": 700, "source_y": 300})
    result = wrong.run()
    told = result.disagrees.sel(filter="latent-smoother")
    assert (told.isel(time=slice(5, None)) == 1).all()
    assert result.disagrees.sel(filter="ld-ensf").isnull().all()
    assert (result.chi2.isel(time=-1) > 5).all()
    assert (result.eta_chi2.isel(time=-1) > 5).all()


def test_weights_are_not_read_where_none_are_needed(monkeypatch):
    def fail(*args):
        raise AssertionError("read")

    monkeypatch.setattr("ldensf_core.twin.experiment.load_pretrained", fail)
    assert experiment("ensf").model is None
    with pytest.raises(AssertionError, match="read"):
        experiment("none")
