"""Decoding beside the filter, which needs a GPU: here, what does not."""

import pytest
import torch

from bench import overlap


def test_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device 'cuda': torch finds no CUDA GPU here"):
        overlap.main()


def test_time_is_that_of_one_call(monkeypatch):
    """Of ten rounds, with the clock moved by 3 ms a call; the first round does not count."""
    now, calls = [0.0], []

    def function(observation):
        calls.append(observation)
        now[0] += 0.003 if len(calls) > 4 else 5.0

    monkeypatch.setattr(overlap.time, "perf_counter", lambda: now[0])
    assert overlap.a_cycle(function, list(range(5)), torch.device("cpu")) == pytest.approx(3.0)
    assert calls == [1, 2, 3, 4] * 11
