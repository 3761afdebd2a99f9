import threading

import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.filters.full_space import PriorEnsemble


class Slow(Tsunami):
    """A basin that takes five snapshots to get going; counts the steps of all its spin-ups."""

    spin_up_states = 5

    def __init__(self):
        super().__init__(12)
        self.steps = 0

    def spin_up(self, parameters):
        for state in super().spin_up(parameters):
            for _ in range(5):
                self.steps += 1
                state = self.advance(state, parameters)
                yield state


@pytest.fixture
def basin():
    return Slow()


@pytest.fixture
def parameters():
    return torch.tensor([[300.0, 400.0], [500.0, 600.0]])


def test_members_are_carried_to_the_first_snapshot(basin, parameters):
    expected = basin.initial_state(parameters)
    assert torch.equal(PriorEnsemble(basin, parameters).members()[0], expected)


def test_a_spin_up_left_half_way_is_gone_on_with(basin, parameters):
    expected = Slow().initial_state(parameters)
    ensemble = PriorEnsemble(basin, parameters)
    steps = ensemble.spin_up()
    assert [next(steps), next(steps)] == [0.2, 0.4]
    assert basin.steps == 2
    assert next(ensemble.spin_up()) == 0.6
    assert torch.equal(ensemble.members()[0], expected)
    assert torch.equal(ensemble.members()[0], expected)  # which is no longer computed
    assert basin.steps == 5


def test_threads_share_the_steps(basin, parameters):
    ensemble = PriorEnsemble(basin, parameters)
    states = []
    threads = [
        threading.Thread(target=lambda: states.append(ensemble.members()[0])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert basin.steps == 5
    assert len(states) == 4 and all(torch.equal(state, states[0]) for state in states)


def test_a_spin_up_that_failed_starts_anew(basin, parameters, monkeypatch):
    ensemble = PriorEnsemble(basin, parameters)
    steps = ensemble.spin_up()
    next(steps)
    with monkeypatch.context() as patch:
        patch.setattr(basin, "advance", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(steps)
    assert next(ensemble.spin_up()) == 0.2
    assert torch.equal(ensemble.members()[0], Slow().initial_state(parameters))


@pytest.mark.parametrize("step", range(1, 6))
def test_a_step_that_was_taken_and_not_kept_is_not_left_out(basin, parameters, step):
    class Interrupted(PriorEnsemble):
        kept = 0

        def __setattr__(self, name, value):
            if name == "_state" and value is not None:
                type(self).kept += 1
                if self.kept == step:
                    raise KeyboardInterrupt
            super().__setattr__(name, value)

    ensemble = Interrupted(basin, parameters)
    with pytest.raises(KeyboardInterrupt):
        ensemble.members()[0]
    assert torch.equal(ensemble.members()[0], Slow().initial_state(parameters))
