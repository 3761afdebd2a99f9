import copy
import itertools
import math
import re

import pytest
import torch
from torch import nn

from ldensf_core.training import loop
from ldensf_core.training.loop import Trainer, schedule
from ldensf_core.weights.card import CheckpointError

STEPS = 450  # two checkpoints on the way and one at the end


class StoppedError(Exception):
    """Stands for the key or the crash that ends a training early."""


def network(seed=0):
    """One matrix for Muon, the rest for Adam."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))


def trainer(module, checkpoint=None, steps=STEPS, seed=5):
    """On batches drawn afresh from the default generator."""

    def loss():
        x = torch.randn(16, 3)
        return (module(x) - torch.stack([x.sum(1), x[:, 0] * x[:, 1]], dim=1)).square().mean()

    return Trainer(module, loss, [module[2].weight], steps, seed, checkpoint)


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture
def every_checkpoint(monkeypatch):
    """Checkpoints are written whenever the clock is looked at."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


def interrupted(checkpoint, at):
    """A checkpoint as an interruption after step ``at`` leaves it."""

    def stop(step):
        if step == at:
            raise StoppedError

    with pytest.raises(StoppedError):
        trainer(network(), checkpoint).run("first", stop)


# -- the schedule -------------------------------------------------------------------------


@pytest.mark.parametrize("steps, warm_up", [(100_000, 500), (1000, 101), (60, 7)])
def test_schedule_warms_up_and_falls_to_zero(steps, warm_up):
    rates = [schedule(step, steps) for step in range(steps)]
    assert rates[0] == pytest.approx(1 / warm_up)
    assert all(a < b for a, b in itertools.pairwise(rates[:warm_up]))
    assert rates[warm_up - 1] == rates[warm_up] == 1.0
    assert all(a > b for a, b in itertools.pairwise(rates[warm_up:]))
    assert rates[(steps + warm_up) // 2] == pytest.approx(0.5, abs=0.02)
    assert 0 < rates[-1] < 0.01
    assert schedule(steps, steps) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_schedule_of_very_few_steps(steps):
    assert all(0 < schedule(step, steps) <= 1 for step in range(steps))


# -- training -----------------------------------------------------------------------------


@pytest.mark.parametrize("muon", [True, False])
def test_linear_regression_ends_at_the_least_squares_answer(muon):
    """With noise in the data, so that the answer is not an exact fit."""
    x = torch.randn(200, 4)
    y = x @ (0.2 * torch.randn(4, 3)) + torch.tensor([0.3, -0.2, 0.1]) + 0.3 * torch.randn(200, 3)
    augmented = torch.cat([x, torch.ones(200, 1)], dim=1).double()
    answer = torch.linalg.lstsq(augmented, y.double()).solution

    module = nn.Linear(4, 3)
    hidden = [module.weight] if muon else []
    Trainer(module, lambda: (module(x) - y).square().mean(), hidden, 3000, seed=0).run("fit")
    found = torch.cat([module.weight.T, module.bias[None]]).double()
    torch.testing.assert_close(found, answer, atol=1e-4, rtol=0)


def test_what_needs_no_gradient_stays():
    module = network()
    module[0].requires_grad_(False)
    before = copy.deepcopy(module)
    trainer(module, steps=5).run("some")
    assert torch.equal(module[0].weight, before[0].weight)
    assert torch.equal(module[0].bias, before[0].bias)
    assert not torch.equal(module[2].weight, before[2].weight)
    assert not torch.equal(module[4].weight, before[4].weight)


def test_preparing_changes_no_weight():
    module = network()
    trainer(module)
    assert same(module, network())


def test_after_step_is_told_the_steps_taken():
    told = []
    trainer(network(), steps=4).run("some", told.append)
    assert told == [1, 2, 3, 4]


def test_batches_follow_the_seed():
    one, again, other = network(), network(), network()
    for module, seed in ((one, 5), (again, 5), (other, 6)):
        trainer(module, steps=10, seed=seed).run("some")
    assert same(one, again)
    assert not same(one, other)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    module = network()
    broken = Trainer(
        module, lambda: module(torch.zeros(1, 3)).sum() * math.nan, [], 10, 0, tmp_path / "x"
    )
    with pytest.raises(FloatingPointError, match="decoder: loss is nan at step 10"):
        broken.run("decoder")
    assert not list(tmp_path.iterdir())  # nothing worth resuming from


# -- interruption -------------------------------------------------------------------------


@pytest.mark.parametrize("at", [250, 449])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, every_checkpoint, at):
    whole = network()
    trainer(whole).run("whole")

    interrupted(tmp_path / "part.checkpoint", at)
    resumed = network(seed=9)  # weights come from the checkpoint, not from here
    again = trainer(resumed, tmp_path / "part.checkpoint")
    assert again.step == at // 200 * 200
    again.run("second")
    assert same(resumed, whole)
    assert not same(resumed, network())


def test_finished_training_is_read_back(tmp_path):
    first, second = network(), network(seed=9)
    trainer(first, tmp_path / "part.checkpoint").run("first")
    told = []
    trainer(second, tmp_path / "part.checkpoint").run("second", told.append)
    assert same(first, second) and not told


def test_checkpoints_leave_nothing_half_written(tmp_path, every_checkpoint):
    interrupted(tmp_path / "part.checkpoint", 250)
    assert [f.name for f in tmp_path.iterdir()] == ["part.checkpoint"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "one byte", "text", "other content"])
def test_damaged_checkpoint_is_named(tmp_path, every_checkpoint, damage):
    path = tmp_path / "part.checkpoint"
    interrupted(path, 250)
    data = bytearray(path.read_bytes())
    weight = torch.load(path, weights_only=True)["tensors"][0].numpy().tobytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "one byte":
        data[bytes(data).index(weight) + 3] ^= 0x01  # within a weight, where it would not show
        path.write_bytes(data)
    elif damage == "text":
        path.write_text("not a checkpoint")
    else:
        torch.save({"something": "else"}, path)
    with pytest.raises(CheckpointError, match=f"{re.escape(str(path))} is damaged .*remove it"):
        trainer(network(), path)


@pytest.mark.parametrize("options", [{"steps": STEPS + 1}, {"seed": 6}])
def test_checkpoint_of_another_training_is_refused(tmp_path, options):
    path = tmp_path / "part.checkpoint"
    trainer(network(), path, steps=STEPS).run("first")
    with pytest.raises(CheckpointError, match="written by a training with other steps, seed"):
        trainer(network(), path, **options)


def test_checkpoint_of_another_network_is_refused_and_leaves_this_one(tmp_path):
    path = tmp_path / "part.checkpoint"
    trainer(network(), path).run("first")
    torch.manual_seed(0)
    wider = nn.Sequential(nn.Linear(3, 9), nn.Tanh(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 2))
    before = copy.deepcopy(wider)
    with pytest.raises(CheckpointError, match="sizes of the network"):
        trainer(wider, path)
    assert same(wider, before)
