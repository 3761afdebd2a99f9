import numpy as np
import pytest
import torch
import xarray as xr

from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.benchmarks.labels import parameter_dataset


@pytest.fixture(scope="module")
def tsunami():
    return Tsunami(12)


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
    pair = tsunami.simulate(parameter_dataset(tsunami, np.array([[200.0, 300.0], [0.0, 0.0]])))
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


# -- the solver ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "benchmark", [Tsunami(8), Kolmogorov(15), Atmosphere(15)], ids=lambda b: b.name
)
def test_a_spin_up_has_as_many_states_as_told(benchmark):
    parameters = benchmark.physical_parameters(torch.zeros(1, len(benchmark.parameters)))
    states = list(benchmark.spin_up(parameters))
    assert len(states) == benchmark.spin_up_states
    assert torch.equal(states[-1], benchmark.initial_state(parameters))
    assert len(states) == 1 or not torch.equal(states[-1], states[-2])
