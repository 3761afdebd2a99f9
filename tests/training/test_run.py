"""The whole of training in miniature, as the command line starts it."""

from dataclasses import replace

import pytest
import torch

from ldensf_core.checkpoints import load_pretrained, read_card
from ldensf_core.training import calibration, run
from ldensf_core.training.recipes import RECIPES, small


@pytest.fixture
def quick(monkeypatch):
    """Errors on two trajectories of each split, calibration on one setting and two pairs."""
    whole = run.Benchmark.split
    monkeypatch.setattr(
        run.Benchmark, "split", lambda self, name: whole(self, name).isel(trajectory=slice(2))
    )
    monkeypatch.setattr(calibration, "INFLATION", (1.0,))
    monkeypatch.setattr(calibration, "PROCESS_NOISE", (0.0, 0.01))
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])


def test_training_makes_weights_that_load_and_a_card_that_tells(tmp_path, quick):
    recipe = replace(
        small(RECIPES["tsunami"]), joint_steps=5, decoder_steps=5, encoder_steps=5, networks=4
    )
    card = run.train("tsunami", recipe, tmp_path, 0, torch.device("cpu"))
    assert card == read_card(tmp_path)
    assert card["training"]["recipe"]["joint_steps"] == 5
    assert 0 < card["surrogate_error"]["test"] < 2
    assert card["calibration"]["inflation"] == 1.0
    model = load_pretrained("tsunami", "cpu", tmp_path)
    assert model.card == card

    again = run.train("tsunami", recipe, tmp_path, 0, torch.device("cpu"), "calibration")
    assert {k: again[k] for k in ("files", "training", "calibration")} == {
        k: card[k] for k in ("files", "training", "calibration")
    }
