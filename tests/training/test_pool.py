import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.training.pool import TrajectoryPool, full_precision

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def basin():
    """A short one: six snapshots."""
    basin = Tsunami(10)
    basin.times = basin.times[:6]
    return basin


def coarse(fields):
    """Stands for what training keeps of normalised fields (B, T, V, ny, nx)."""
    return fields[..., ::2, ::5].flatten(-2)


def pool(basin, size=4, chunk=2, seed=1000, transform=coarse):
    return TrajectoryPool(basin, transform, size, chunk, seed, CPU)


def simulated(basin, unit):
    """The same trajectories by way of the benchmark."""
    return coarse(basin.normalise(basin.trajectories(basin.physical_parameters(unit))))


def test_data_are_the_trajectories_of_the_parameters(basin):
    made = pool(basin)
    assert made.parameters.shape == (4, 2) and made.data.shape == (4, 6, 3, 10)
    assert ((-1 <= made.parameters) & (made.parameters <= 1)).all()
    torch.testing.assert_close(made.data, simulated(basin, made.parameters), atol=1e-5, rtol=0)


def test_data_take_the_type_of_the_transform(basin):
    assert pool(basin, transform=lambda fields: fields.half()).data.dtype == torch.float16


def test_replacing_overwrites_the_oldest_and_nothing_else(basin):
    made = pool(basin, size=6)
    data = made.data  # captured graphs keep reading this very tensor
    for oldest in (slice(0, 2), slice(2, 4), slice(4, 6), slice(0, 2)):
        parameters, before = made.parameters.clone(), data.clone()
        made.replace()
        assert made.data is data
        kept = torch.ones(6, dtype=torch.bool)
        kept[oldest] = False
        assert torch.equal(made.parameters[kept], parameters[kept])
        assert torch.equal(data[kept], before[kept])
        assert (made.parameters[oldest] != parameters[oldest]).all()
        expected = simulated(basin, made.parameters[oldest])
        torch.testing.assert_close(data[oldest], expected, atol=1e-5, rtol=0)


def test_pool_follows_its_seed_alone(basin):
    one = pool(basin)
    torch.manual_seed(7)  # of other draws
    again, other = pool(basin), pool(basin, seed=1001)
    for made in (one, again, other):
        made.replace()
    assert torch.equal(one.parameters, again.parameters) and torch.equal(one.data, again.data)
    assert not torch.equal(one.parameters, other.parameters)


def test_no_trajectory_comes_twice(basin):
    """Not within a pool, not later, and not in the published split."""
    made = pool(basin, size=4)
    seen = [made.parameters.clone()]
    for _ in range(4):
        made.replace()
        rows = (made.made - 1) * 2 % 4
        seen.append(made.parameters[rows : rows + 2].clone())
    seen.append(pool(basin, seed=2000).parameters)
    splits = [basin.parameter_array(basin.split(s)) for s in ("train", "validation", "test")]
    seen += [basin.unit_parameters(torch.as_tensor(s)).float() for s in splits]
    every = torch.cat(seen)
    distance = torch.cdist(every, every) + 9 * torch.eye(len(every))
    assert distance.min() > 1e-4


def test_parameters_fill_the_prior(basin):
    parameters = pool(basin, size=400, chunk=400).parameters
    assert (parameters.min(0).values < -0.95).all() and (parameters.max(0).values > 0.95).all()
    assert (parameters.mean(0).abs() < 4 / (3 * 400) ** 0.5).all()


def test_size_that_is_no_multiple_of_the_chunk_is_refused(basin):
    with pytest.raises(ValueError, match="size = 5 is no multiple of chunk = 2"):
        pool(basin, size=5)


# -- precision ----------------------------------------------------------------------------


@pytest.fixture
def half_the_mantissa():
    """What training allows on a GPU; elsewhere it changes nothing."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def test_full_precision_lasts_as_long_as_its_block(half_the_mantissa):
    with full_precision():
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == "high"


def test_trajectories_are_simulated_in_full_precision(basin, half_the_mantissa, monkeypatch):
    """What graphs are recorded with, and what replaces trajectories; training goes on as before."""
    found = []

    def watched(name):
        method = getattr(basin, name)

        def call(*args):
            found.append((name, torch.get_float32_matmul_precision()))
            return method(*args)

        monkeypatch.setattr(basin, name, call)

    for name in ("initial_state", "advance", "fields"):
        watched(name)
    made = pool(basin)
    assert torch.get_float32_matmul_precision() == "high"
    assert found[0] == ("initial_state", "highest")
    found.clear()
    made.replace()
    assert torch.get_float32_matmul_precision() == "high"
    assert set(found) == {(name, "highest") for name in ("initial_state", "advance", "fields")}


def test_precision_is_restored_after_a_failure(basin, half_the_mantissa, monkeypatch):
    made = pool(basin)

    def fail(*args):
        raise FloatingPointError("diverged")

    monkeypatch.setattr(basin, "initial_state", fail)
    with pytest.raises(FloatingPointError, match="diverged"):
        made.replace()
    assert torch.get_float32_matmul_precision() == "high"


def test_given_parameters_are_simulated_again_and_again(basin):
    given = torch.tensor([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6], [0.7, -0.8]])
    made = TrajectoryPool(basin, coarse, 4, 2, 1000, CPU, given)
    data = made.data.clone()
    assert torch.equal(made.parameters, given)
    torch.testing.assert_close(data, simulated(basin, given), atol=1e-5, rtol=0)
    made.replace()
    assert torch.equal(made.parameters, given) and torch.equal(made.data, data)
