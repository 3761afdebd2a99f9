"""The whole of training in miniature, as the command line starts it."""

from dataclasses import replace

import pytest
import torch

from ldensf_core import checkpoints
from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.checkpoints import load_pretrained, read_card
from ldensf_core.training import calibration, run
from ldensf_core.training.recipes import RECIPES, small

COARSE = {
    "kolmogorov": lambda: Kolmogorov(32),
    "tsunami": lambda: Tsunami(32),
    "atmosphere": lambda: Atmosphere(truncation=12, steps=4),
}


@pytest.mark.parametrize("name", RECIPES)
def test_training_makes_weights_that_load_and_a_card_that_tells(name, tmp_path, monkeypatch):
    benchmark = COARSE[name]()
    benchmark.times = benchmark.times[:6]
    for module in (run, checkpoints):  # the registry's own stay as they are for other tests
        monkeypatch.setattr(module, "get_benchmark", {name: benchmark}.get)
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    recipe = replace(
        small(RECIPES[name]), joint_steps=5, decoder_steps=5, encoder_steps=5, networks=4
    )
    card = run.train(name, recipe, tmp_path, 0, torch.device("cpu"))
    assert card == read_card(tmp_path)
    assert card["training"]["recipe"]["joint_steps"] == 5
    assert all(card["training"][part]["seconds"] > 0 for part in ("surrogate", "encoder"))
    assert card["calibration"]["inflation"] in recipe.inflation
    assert list(card["surrogate_error"]) == [
        "definition",
        "validation",
        "test",
        "climatology",
        "nearest training run",
        "linear interpolation",
    ]
    assert all(0 < e < 3 for e in card["surrogate_error"].values() if not isinstance(e, str))
    model = load_pretrained(name, "cpu", tmp_path)
    assert model.card == card
    assert (model.error.deviation > 0).all()
    assert torch.get_float32_matmul_precision() == "highest"

    again = run.train(name, recipe, tmp_path, 0, torch.device("cpu"), "calibration")
    assert again == card
    before = (tmp_path / "ldnet.safetensors").read_bytes()
    (tmp_path / "encoder.checkpoint").unlink()
    again = run.train(name, recipe, tmp_path, 1, torch.device("cpu"), "encoder")
    assert (tmp_path / "ldnet.safetensors").read_bytes() == before
    assert again["files"]["ldnet.safetensors"] == card["files"]["ldnet.safetensors"]
    assert again["files"]["encoder.safetensors"] != card["files"]["encoder.safetensors"]
    assert load_pretrained(name, "cpu", tmp_path).card == again
