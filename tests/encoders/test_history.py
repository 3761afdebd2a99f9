import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.encoders import HistoryEncoder, ObservationHistory, OptimalInterpolation
from ldensf_core.observations import Observation, SensorNetwork


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def targets(tsunami, model, true_parameters):
    """What the encoder is asked for: latent states and parameters of the truths, (6, T, L+P)."""
    unit = tsunami.unit_parameters(true_parameters)
    states = model.ldnet.rollout(unit, tsunami.n_times)
    return torch.cat([states, unit[:, None].expand(-1, tsunami.n_times, -1)], dim=-1)


def observations(network, truth, times=range(0, 51, 5), noise=0.1, missing=0.0, seed=3):
    return [network.observe(truth[t], t, noise, missing, seed) for t in times]


def streamed(model, observed):
    """Mean and standard deviation after each observation, each (N, L+P)."""
    history = ObservationHistory(model.benchmark, model.encoder)
    pairs = [history.update(observation) for observation in observed]
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def error(model, mean, target):
    """Root mean square in units of the prior's standard deviation."""
    return ((mean - target) / model.encoder.std).square().mean().sqrt().item()


# -- one at a time ------------------------------------------------------------------------


def test_streaming_is_the_whole_sequence(tsunami, model, truths):
    """At irregular times, with sensors missing differently at each."""
    times = (0, 1, 4, 5, 17, 30, 50)
    network = SensorNetwork.random(tsunami, 60, seed=1)
    observed = observations(network, truths[0], times, noise=0.2, missing=0.3)
    mean, std = streamed(model, observed)

    interpolation = model.encoder.interpolation
    coefficients, unknown = [], []
    for o in observed:
        there = ~o.values[:, 0].isnan()  # only sensors that report, instead of gaps
        gain, share = interpolation.gain(
            o.positions[there],
            torch.ones(int(there.sum()), 3, dtype=torch.bool),
            0.2 * torch.ones(3),
        )
        values = (o.values[there] - tsunami.mean(o.values)) / tsunami.std(o.values)
        coefficients.append(torch.einsum("kvn,nv->k", gain, values - interpolation.basis.rest))
        unknown.append(share)
    index = torch.tensor([times], dtype=torch.float32)
    whole = model.encoder(torch.stack(coefficients)[None], torch.stack(unknown)[None], index)
    torch.testing.assert_close(mean, whole[0][0], atol=1e-4, rtol=0)
    torch.testing.assert_close(std, whole[1][0], atol=0, rtol=1e-3)


def test_order_of_sensors_does_not_matter(tsunami, model, truths):
    network = SensorNetwork.random(tsunami, 100, seed=2)
    observed = observations(network, truths[1], missing=0.2)
    order = torch.randperm(100)
    other = SensorNetwork.at(tsunami, network.positions[order.numpy()])
    shuffled = [Observation(o.index, other, o.values[order], o.std) for o in observed]
    (mean, std), (mean_shuffled, std_shuffled) = (
        streamed(model, observed),
        streamed(model, shuffled),
    )
    torch.testing.assert_close(mean_shuffled, mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(std_shuffled, std, atol=0, rtol=1e-3)


def test_gain_is_made_anew_when_and_only_when_the_network_changes(
    tsunami, model, truths, monkeypatch
):
    """Sensors, noise and gaps in turn: each step sees what a history without a cache sees."""
    made = []
    gain = OptimalInterpolation.gain
    monkeypatch.setattr(OptimalInterpolation, "gain", lambda *args: made.append(1) or gain(*args))
    near, far = SensorNetwork.grid(tsunami, 5, 5), SensorNetwork.random(tsunami, 25, seed=5)
    steps = [  # index, network, noise, missing, whether a gain is to be made
        (0, near, 0.1, 0.0, True),
        (1, near, 0.1, 0.0, False),
        (2, far, 0.1, 0.0, True),
        (3, far, 0.3, 0.0, True),
        (4, far, 0.3, 0.5, True),
        (5, far, 0.3, 0.5, True),  # other sensors are missing now
        (6, far, 0.3, 0.0, True),
        (7, far, 0.3, 0.0, False),
    ]
    observed = [n.observe(truths[0, t], t, noise, gone, 3) for t, n, noise, gone, _ in steps]
    history, fresh = (ObservationHistory(tsunami, model.encoder) for _ in range(2))
    for observation, (*_, anew) in zip(observed, steps, strict=True):
        made.clear()
        mean, std = history.update(observation)
        assert len(made) == anew
        fresh._seen = None  # forgets the gain, keeps the memory
        expected_mean, expected_std = fresh.update(observation)
        assert torch.equal(mean, expected_mean) and torch.equal(std, expected_std)


def test_histories_do_not_share_their_memory(tsunami, model, truths):
    network = SensorNetwork.grid(tsunami, 6, 6)
    first, second = observations(network, truths[0]), observations(network, truths[1])
    alone = streamed(model, first)[0]
    one, two = (ObservationHistory(tsunami, model.encoder) for _ in range(2))
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        mean, _ = one.update(a)
        two.update(b)
        assert torch.equal(mean, alone[index])


# -- any network, any noise ---------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("n", [16, 100, 1024])
@pytest.mark.parametrize("layout", ["grid", "random"])
def test_any_network_brings_the_estimate_close(tsunami, model, truths, targets, n, layout, noise):
    network = SensorNetwork.place(tsunami, n, layout, seed=6)
    mean, std = streamed(model, observations(network, truths[0], noise=noise))
    assert mean.isfinite().all() and std.isfinite().all() and (std > 0).all()
    assert error(model, mean[-1], targets[0, -1]) < 0.15


@pytest.mark.parametrize("layout", ["grid", "random"])
def test_missing_sensors_and_times_are_passed_over(tsunami, model, truths, targets, layout):
    network = SensorNetwork.place(tsunami, 100, layout, seed=6)
    times = (3, 4, 9, 20, 21, 22, 35, 41)
    mean, std = streamed(model, observations(network, truths[2], times, missing=0.6))
    assert (std > 0).all()
    assert error(model, mean[-1], targets[2, 41]) < 0.1


def test_a_variable_may_be_missing_everywhere(tsunami, model, truths, targets):
    """Tide gauges: elevation alone."""
    network = SensorNetwork.grid(tsunami, 10, 10)
    observed = [
        network.observe(fields, t, 0.1, 0.0, 3, variables=["eta"])
        for t, fields in enumerate(truths[0])
    ]
    mean, std = streamed(model, observed)
    assert mean.isfinite().all() and (std > 0).all()
    assert error(model, mean[-1], targets[0, 50]) < 0.3


def test_more_is_known_from_better_networks(tsunami, model, truths):
    """Predicted standard deviations, geometric mean over components, after eleven times."""

    def told(n, noise):
        network = SensorNetwork.place(tsunami, n, "grid")
        return streamed(model, observations(network, truths[0], noise=noise))[1][-1].log().mean()

    assert told(16, 0.5) > told(16, 0.1) > told(144, 0.1)
    assert told(144, 0.5) > told(144, 0.1)


def test_more_is_known_of_the_source_as_observations_come_in(tsunami, model, truths):
    network = SensorNetwork.random(tsunami, 36, seed=2)
    source = streamed(model, observations(network, truths[0], noise=0.3))[1][:, -2:]
    assert (source[-1] < source[4]).all() and (source[4] < source[0]).all()
    assert (source[-1] < 0.25 * source[0]).all()


@pytest.mark.parametrize(
    "layout, n, noise, every",
    [("grid", 100, 0.1, 1), ("random", 100, 0.1, 1), ("grid", 25, 0.3, 2), ("random", 49, 0.2, 5)],
)
def test_errors_are_as_large_as_predicted(tsunami, model, truths, targets, layout, n, noise, every):
    """Error over predicted standard deviation: its root mean square is 1 if calibrated."""
    z = []
    for i in range(4):
        network = SensorNetwork.place(tsunami, n, layout, seed=i)
        times = range(0, 51, every)
        mean, std = streamed(model, observations(network, truths[i], times, noise, seed=i))
        z.append((mean - targets[i, ::every]) / std)
    rms = torch.stack(z).square().mean().sqrt().item()
    assert 0.4 < rms < 2.5


# -- the untrained network ----------------------------------------------------------------


def test_an_untrained_encoder_predicts_about_the_prior():
    basin = Tsunami(12)
    basis = basin.basis(30)
    interpolation = OptimalInterpolation(basis, torch.ones(30), torch.ones(3))
    mean, std = torch.tensor([5.0, -3.0, 0.0]), torch.tensor([2.0, 0.1, 1.0])
    encoder = HistoryEncoder(interpolation, mean, std, n_times=51, width=16, memory=8)
    index = torch.arange(6.0).expand(4, 6)
    guess, error, memory = encoder(
        torch.randn(4, 6, 30), torch.rand(4, 6, interpolation.count), index
    )
    assert guess.shape == error.shape == (4, 6, 3) and memory.shape == (1, 4, 8)
    assert ((guess - mean) / std).abs().max() < 1.5
    assert ((error / std) > 0.3).all() and ((error / std) < 1.5).all()


def failing(*args, **options):
    raise MemoryError


@pytest.mark.parametrize("part", ["evaluate", "first_layer"])
def test_a_network_whose_look_up_failed_is_not_taken_for_the_one_before(
    tsunami, model, truths, monkeypatch, part
):
    near, far = SensorNetwork.grid(tsunami, 6, 6), SensorNetwork.random(tsunami, 36, seed=1)
    first, second = observations(near, truths[0], (0, 1))
    history = ObservationHistory(tsunami, model.encoder)
    history.update(first)
    with monkeypatch.context() as patch:
        where = model.encoder if part == "first_layer" else model.encoder.interpolation.basis
        patch.setattr(where, part, failing)
        with pytest.raises(MemoryError):
            history.update(far.observe(truths[0, 1], 1, 0.1, 0.0, seed=3))
    mean, std = history.update(second)
    expected = streamed(model, [first, second])
    assert torch.equal(mean, expected[0][1]) and torch.equal(std, expected[1][1])


@pytest.mark.parametrize("buffer", [1, 2])
def test_a_network_for_which_there_was_no_room_leaves_the_room_that_there_was(
    tsunami, model, truths, monkeypatch, buffer
):
    few, many = SensorNetwork.grid(tsunami, 6, 6), SensorNetwork.grid(tsunami, 12, 12)
    first, second = observations(few, truths[0], (0, 1))
    history = ObservationHistory(tsunami, model.encoder)
    history.update(first)
    new_zeros, calls = torch.Tensor.new_zeros, []

    def crowded(*args, **options):
        calls.append(1)
        return failing() if len(calls) == buffer else new_zeros(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "new_zeros", crowded)
        with pytest.raises(MemoryError):
            history.update(many.observe(truths[0, 1], 1, 0.1, 0.0, seed=3))
    mean, _ = history.update(second)
    assert torch.equal(mean, streamed(model, [first, second])[0][1])


def test_what_was_interrupted_is_not_remembered(tsunami, model, truths, monkeypatch):
    first, second = observations(SensorNetwork.grid(tsunami, 6, 6), truths[0], (0, 1))
    history = ObservationHistory(tsunami, model.encoder)
    history.update(first)
    with monkeypatch.context() as patch:
        patch.setattr(history.encode_single.functions, "told", failing)
        with pytest.raises(MemoryError):
            history.update(second)
    mean, _ = history.update(second)
    assert torch.equal(mean, streamed(model, [first, second])[0][1])
