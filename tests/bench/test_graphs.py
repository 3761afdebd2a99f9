"""The comparison, with both filters on the CPU: there the graph is the calls themselves."""

import pytest
import torch

from bench import graphs
from ldensf_core.filters import LDEnSF


def test_same_calls_same_ensembles(model):
    row = graphs.row(model, 3)
    assert row["benchmark"] == "tsunami" and row["members"] == 3 and row["apart"] == 0


def test_a_difference_is_told(model, monkeypatch):
    class Off(graphs.Eager):
        def cycle(self, observation):
            super().cycle(observation)
            with torch.inference_mode():
                self.state[0, 0] += 0.5 * model.encoder.std[0]

    monkeypatch.setattr(graphs, "Eager", Off)
    assert graphs.row(model, 3)["apart"] > 0.1


def test_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device 'cuda': torch finds no CUDA GPU here"):
        graphs.main()


def test_filters_are_what_they_say():
    assert graphs.Eager._run is not LDEnSF._run
