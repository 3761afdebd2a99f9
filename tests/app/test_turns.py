"""Full-space workers compute in turns, so that a core is left to the others."""

import threading

import pytest
import torch

from ldensf_app.turns import AT_ONCE, in_turns

CPU = torch.device("cpu")


class Room:
    """Counts who is in it; a step ends when somebody else could have come in, had they been let."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.lock = threading.Lock()
        self.crowded = threading.Event()

    def steps(self, n):
        for i in range(n):
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                if self.inside > AT_ONCE:
                    self.crowded.set()
            self.crowded.wait(0.01)
            with self.lock:
                self.inside -= 1
            yield i


def together(first, device):
    """Runs of twice as many threads as may compute at once, and the most that did."""
    room, found = Room(), []
    threads = [
        threading.Thread(target=lambda: found.append(list(in_turns(room.steps(5), first, device))))
        for _ in range(2 * AT_ONCE + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(5))] * len(threads)
    return room.most


def test_no_more_compute_at_once_than_leave_a_core_free():
    assert together(first=False, device=CPU) <= AT_ONCE


@pytest.mark.parametrize(("first", "device"), [(True, "cpu"), (False, "cuda")])
def test_latent_filters_and_those_on_a_gpu_do_not_wait(first, device):
    assert together(first, torch.device(device)) > AT_ONCE


def test_a_step_that_fails_gives_its_turn_away():
    def failing():
        yield 1
        raise ValueError("diverged")

    for _ in range(AT_ONCE + 1):
        steps = in_turns(failing(), False, CPU)
        assert next(steps) == 1
        with pytest.raises(ValueError, match="diverged"):
            next(steps)
    assert list(in_turns(iter([1, 2]), False, CPU)) == [1, 2]
