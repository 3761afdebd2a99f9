"""Training of the encoder on networks as users make them, and on parameters beyond the prior."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from ldensf_core import get_benchmark
from ldensf_core.benchmarks import Tsunami
from ldensf_core.observations import SensorNetwork
from ldensf_core.training.encoder import train_encoder
from ldensf_core.training.networks import NetworkBank
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import RECIPES, small
from ldensf_core.weights.architecture import build_encoder, build_ldnet

CPU = torch.device("cpu")
RECIPE = replace(small(RECIPES["tsunami"]), encoder_steps=12, encoder_batch=4, varied=True)


@pytest.fixture(scope="module")
def basin():
    return Tsunami(16)


@pytest.fixture
def layouts(monkeypatch):
    """How many networks of each layout and size are made from now on."""
    made = Counter()

    def recorded(make, name):
        def record(cls, *args, **kw):
            network = make(*args, **kw)
            made[name, len(network)] += 1
            return network

        return classmethod(record)

    for name in ("grid", "random", "cluster", "line", "half"):
        monkeypatch.setattr(SensorNetwork, name, recorded(getattr(SensorNetwork, name), name))
    return made


def bank_of(basin, size, varied, seed=2):
    interpolation = build_encoder(basin, 10, RECIPE.architecture.encoder).interpolation
    return NetworkBank(interpolation, basin, size, (1, 32), 0.5, seed, varied)


def test_a_varied_bank_has_every_layout_single_sensors_gaps_and_noise_by_variable(basin, layouts):
    bank = bank_of(basin, 150, varied=True)
    names = Counter()
    for (name, _), count in layouts.items():
        names[name] += count
    assert set(names) == {"grid", "random", "cluster", "line", "half"} and min(names.values()) > 8
    assert any(n == 1 for _, n in layouts)
    with_sensors = bank.weights.any(-1)  # (size, n)
    seen = bank.gain.abs().sum(1) > 0  # (size, V, n)
    alone = (seen.any(-1).sum(-1) < 3).float().mean()  # some variable is not measured at all
    assert 0.05 < alone < 0.4
    gaps = [bool((~row[:, some]).any()) for row, some in zip(seen, with_sensors, strict=True)]
    assert 0.2 < sum(gaps) / len(gaps) < 0.6
    differs = (bank.noise.max(-1).values > bank.noise.min(-1).values).float().mean()
    assert 0.08 < differs < 0.4
    assert (bank.noise <= 0.5).all()


def test_a_plain_bank_measures_everything_with_one_noise(basin, layouts):
    bank = bank_of(basin, 60, varied=False)
    assert {name for name, _ in layouts} == {"grid", "random"}
    seen, with_sensors = bank.gain.abs().sum(1) > 0, bank.weights.any(-1)
    assert (seen == with_sensors[:, None]).all()
    assert (bank.noise == bank.noise[:, :1]).all()


def test_what_is_not_measured_changes_nothing(basin):
    """The fields of a variable that a network leaves out may be anything."""
    bank = bank_of(basin, 80, varied=True)
    bank.noise.zero_()
    unseen = bank.gain.abs().sum((1, 3)) == 0  # (size, V)
    entry = int(unseen.any(-1).nonzero()[0])
    variable = int(unseen[entry].nonzero()[0])
    fields = torch.randn(1, 2, 3, 256)
    other = fields.clone()
    other[:, :, variable] += 5.0
    before, after = (bank.coefficients(f, torch.tensor([entry]))[0] for f in (fields, other))
    assert torch.equal(before, after) and before.abs().max() > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kolmogorov", [(450.0, 1550.0)]),
        ("tsunami", [(0.0, 525.0)] * 2),  # not outside the basin
        ("atmosphere", [(0.05, 31.495), (0.85, 4.15)]),  # above zero
    ],
)
def test_a_prior_is_widened_as_far_as_the_solver_runs(name, expected):
    for parameter, bounds in zip(get_benchmark(name).parameters, expected, strict=True):
        assert parameter.widened(0.05) == pytest.approx(bounds)
        assert parameter.can_run(torch.tensor(bounds).double().numpy()).all()
        assert parameter.widened(0.0) == (parameter.low, parameter.high)


def test_a_pool_draws_beyond_the_prior_when_asked(basin):
    def drawn(beyond):
        pool = TrajectoryPool(basin, lambda f: f.flatten(-2), 32, 32, 5, CPU, beyond=beyond)
        return pool.parameters

    within, beyond = drawn(0.0), drawn(0.05)
    assert within.abs().max() <= 1 < beyond.max() <= 1.1
    assert beyond.min() >= -1  # the basin ends there
    # The same draws, on a wider range.
    torch.testing.assert_close(beyond, -1 + (within + 1) * 1.05)


def test_a_varied_training_is_finite_and_repeats_with_its_seed(basin, tmp_path):
    sizes = RECIPE.architecture
    torch.manual_seed(0)
    surrogate = build_ldnet(basin, sizes).requires_grad_(False)
    trained = []
    for i, seed in enumerate((0, 0, 1)):
        (folder := tmp_path / str(i)).mkdir()
        trained.append(train_encoder(basin, RECIPE, surrogate, seed, CPU, folder).state_dict())
    first, second, other = trained
    assert all(value.isfinite().all() for value in first.values())
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)
