import copy
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami, get_benchmark, list_benchmarks


@pytest.fixture(scope="module")
def tsunami():
    return Tsunami(12)


# -- the registry -------------------------------------------------------------------------


def test_every_listed_benchmark_is_there():
    for name in list_benchmarks():
        assert get_benchmark(name).name == name
        assert get_benchmark(name) is get_benchmark(name)


def test_unknown_benchmark_is_named():
    with pytest.raises(ValueError, match=r"'tsunamy' is unknown; there are .*tsunami"):
        get_benchmark("tsunamy")


@pytest.mark.parametrize("name", list_benchmarks())
@pytest.mark.parametrize(
    "journey", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_registered_benchmarks_travel_by_name(name, journey):
    benchmark = get_benchmark(name)
    assert journey(benchmark) is benchmark
    assert len(pickle.dumps(benchmark)) < 200


class Deep(Tsunami):
    """One of a user's, which bears the name of a registered one."""


@pytest.mark.parametrize(
    "make", [lambda: Tsunami(20), lambda: Deep(20), lambda: Kolmogorov(32), lambda: Atmosphere(12)]
)
@pytest.mark.parametrize(
    "journey", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_other_benchmarks_travel_by_value(make, journey, monkeypatch):
    """And are others afterwards, which give the same fields."""
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Deep=Deep))
    benchmark = make()
    parameters = torch.as_tensor(
        benchmark.parameter_array(benchmark.sample_parameters(1, seed=0)), dtype=torch.float32
    )
    state = next(benchmark.spin_up(parameters))
    other = journey(benchmark)
    assert type(other) is type(benchmark) and other is not benchmark and other != benchmark
    assert other.grid_shape == benchmark.grid_shape
    assert torch.equal(next(other.spin_up(parameters)), state)
    assert torch.equal(other.fields(state), benchmark.fields(state))


# -- the prior and the split --------------------------------------------------------------


def test_draws_depend_on_the_seed_alone(tsunami):
    draws = tsunami.sample_parameters(8, seed=1)
    assert draws.identical(tsunami.sample_parameters(8, seed=1))
    assert not draws.equals(tsunami.sample_parameters(8, seed=2))
    assert dict(draws.sizes) == {"trajectory": 8}
    assert draws.source_x.attrs["units"] == "km"


def test_draws_fill_the_prior(tsunami):
    draws = tsunami.sample_parameters(2000, seed=3)
    for p in tsunami.parameters:
        column = draws[p.name].values
        assert p.low <= column.min() < p.low + 0.01 * (p.high - p.low)
        assert p.high - 0.01 * (p.high - p.low) < column.max() <= p.high
        # Mean of 2000 uniform draws, within four standard errors.
        error = 4 * (p.high - p.low) / np.sqrt(12 * 2000)
        assert column.mean() == pytest.approx((p.low + p.high) / 2, abs=error)


@pytest.mark.parametrize("n", [0, -3, 2.5, "8", None, True, np.nan])
def test_no_draws_is_an_error(tsunami, n):
    with pytest.raises(ValueError, match=f"n = {n!r}: a whole number"):
        tsunami.sample_parameters(n, seed=0)


@pytest.mark.parametrize("seed", [-1, 2.5, "8", None, True])
def test_what_is_no_seed_is_named(tsunami, seed):
    """None would be another draw every time."""
    with pytest.raises(ValueError, match=f"seed = {seed!r}: a whole number of at least 0"):
        tsunami.sample_parameters(3, seed)


def test_numbers_of_numpy_are_taken(tsunami):
    draws = tsunami.sample_parameters(np.int8(3), np.uint64(5))
    assert draws.identical(tsunami.sample_parameters(3, 5))


def test_split_is_120_40_40_and_disjoint(tsunami):
    parts = [tsunami.split(name) for name in ("train", "validation", "test")]
    assert [part.sizes["trajectory"] for part in parts] == [120, 40, 40]
    rows = np.concatenate([tsunami.parameter_array(part) for part in parts])
    assert len(np.unique(rows, axis=0)) == 200
    assert tsunami.split("test").identical(tsunami.split("test"))


def test_unknown_split_is_named(tsunami):
    with pytest.raises(ValueError, match="'trian' is unknown; there are train, validation, test"):
        tsunami.split("trian")


# -- simulate -----------------------------------------------------------------------------


def test_simulate_many(tsunami):
    draws = tsunami.sample_parameters(3, seed=1)
    runs = tsunami.simulate(draws)
    assert list(runs.data_vars) == ["u", "v", "eta"]
    assert runs.eta.dims == ("trajectory", "time", "y", "x")
    assert runs.eta.shape == (3, 51, 12, 12)
    assert runs.eta.dtype == np.float32
    units = {name: runs[name].attrs["units"] for name in ("u", "eta", "time", "x", "source_y")}
    assert units == {"u": "m s-1", "eta": "m", "time": "h", "x": "km", "source_y": "km"}
    assert np.array_equal(runs.time, tsunami.times) and runs.time[0] == 0
    assert np.array_equal(runs.x, tsunami.x.points)
    assert np.array_equal(runs.source_x, draws.source_x)
    assert runs.attrs["benchmark"] == "tsunami"
    fields = tsunami.trajectories(torch.as_tensor(tsunami.parameter_array(draws)).float())
    assert np.array_equal(runs.v.values, fields[:, :, 1].numpy())


def test_simulate_one(tsunami):
    run = tsunami.simulate({"source_x": 200.0, "source_y": 300.0})
    assert run.eta.dims == ("time", "y", "x")
    assert run.source_x.item() == 200.0
    pair = tsunami.simulate(tsunami.parameter_dataset(np.array([[200.0, 300.0], [0.0, 0.0]])))
    np.testing.assert_allclose(pair.eta[0], run.eta, rtol=0, atol=1e-6)


def test_simulate_in_double_precision(tsunami):
    run = tsunami.simulate({"source_x": 200.0, "source_y": 300.0}, dtype=torch.float64)
    assert run.eta.dtype == np.float64


def test_results_survive_a_file(tsunami, tmp_path):
    runs = tsunami.simulate(tsunami.sample_parameters(2, seed=1))
    runs.to_netcdf(tmp_path / "runs.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "runs.nc", engine="h5netcdf", decode_timedelta=False) as back:
        assert back.load().identical(runs)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"source_x": 10.0}, r"missing: \['source_y'\], unknown: none"),
        (
            {"source_x": 10.0, "source_y": 10.0, "depth": 5.0},
            r"takes the parameters source_x, source_y; missing: none, unknown: \['depth'\]",
        ),
        ({"source_x": np.nan, "source_y": 10.0}, "source_x = nan km: allowed is 0 to 500"),
        ({"source_x": 10.0, "source_y": np.inf}, "source_y = inf km: allowed is 0 to 500"),
        ({"source_x": -1.0, "source_y": 10.0}, "source_x = -1 km: allowed is 0 to 500"),
        ({"source_x": 10.0, "source_y": 500.5}, "source_y = 500.5 km: allowed is 0 to 500"),
    ],
)
def test_bad_parameters_are_named(tsunami, parameters, message):
    with pytest.raises(ValueError, match=message):
        tsunami.simulate(parameters)


def test_one_bad_draw_among_many_is_named(tsunami):
    draws = tsunami.sample_parameters(4, seed=0)
    draws.source_y[2] = 700.0
    with pytest.raises(ValueError, match="source_y = 700 km: allowed is 0 to 500"):
        tsunami.simulate(draws)


# -- scaling ------------------------------------------------------------------------------


def test_scaling_there_and_back(tsunami):
    generator = torch.Generator().manual_seed(0)
    fields = torch.randn(4, 3, 12, 12, generator=generator, dtype=torch.float64)
    back = tsunami.denormalise(tsunami.normalise(fields))
    assert torch.allclose(back, fields, atol=1e-14)
    parameters = torch.tensor([[0.0, 500.0], [250.0, 125.0]])
    unit = tsunami.unit_parameters(parameters)
    assert torch.allclose(unit, torch.tensor([[-1.0, 1.0], [0.0, -0.5]]))
    assert torch.allclose(tsunami.physical_parameters(unit), parameters)


# -- distances ----------------------------------------------------------------------------


def test_distances_between_walls_are_straight(tsunami):
    here = torch.tensor([[0.0, 0.0], [300.0, 400.0]])
    there = torch.tensor([[0.0, 0.0], [1000.0, 0.0], [1000.0, 1000.0]])
    distances = tsunami.distances(here, there)
    expected = torch.tensor([[0.0, 1000.0, 2**0.5 * 1000], [500.0, 65e4**0.5, 85e4**0.5]])
    torch.testing.assert_close(distances, expected)


def test_distances_go_across_a_seam_where_that_is_shorter():
    """Compared with the nearest of the nine images of a point."""
    flow = Kolmogorov(16)
    side = 2 * np.pi
    a, b = (torch.as_tensor(flow.random_positions(40, seed)) for seed in (1, 2))
    images = torch.cartesian_prod(*[torch.tensor([-side, 0.0, side], dtype=a.dtype)] * 2)
    nearest = torch.cdist(a, (b[:, None] + images).flatten(0, 1)).unflatten(1, (40, 9)).amin(-1)
    torch.testing.assert_close(flow.distances(a, b), nearest)
    edges = torch.tensor([[0.1, 3.0]]), torch.tensor([[side - 0.2, 3.0]])
    assert flow.distances(*edges).item() == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(
    "benchmark", [Tsunami(8), Kolmogorov(15), Atmosphere(15)], ids=lambda b: b.name
)
def test_a_spin_up_has_as_many_states_as_told(benchmark):
    parameters = benchmark.physical_parameters(torch.zeros(1, len(benchmark.parameters)))
    states = list(benchmark.spin_up(parameters))
    assert len(states) == benchmark.spin_up_states
    assert torch.equal(states[-1], benchmark.initial_state(parameters))
    assert len(states) == 1 or not torch.equal(states[-1], states[-2])
