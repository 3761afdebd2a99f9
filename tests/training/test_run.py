"""The whole of training in miniature, as the command line starts it."""

from dataclasses import replace

import pytest
import torch

from ldensf_core.benchmarks import Atmosphere, Kolmogorov, Tsunami
from ldensf_core.training import calibration, run
from ldensf_core.training.recipes import RECIPES, small
from ldensf_core.verification.reconstruction import reconstruction_error
from ldensf_core.weights.card import CheckpointError, read_card, save_card
from ldensf_core.weights.checkpoints import load_pretrained, load_vae

COARSE = {
    "kolmogorov": lambda: Kolmogorov(32),
    "tsunami": lambda: Tsunami(32),
    "atmosphere": lambda: Atmosphere(truncation=12, steps=4),
}


@pytest.mark.parametrize("name", RECIPES)
def test_training_makes_weights_that_load_and_a_card_that_tells(name, tmp_path, monkeypatch):
    benchmark = COARSE[name]()
    benchmark.times = benchmark.times[:6]
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    recipe = replace(
        small(RECIPES[name]), joint_steps=5, decoder_steps=5, encoder_steps=5, networks=4
    )
    card = run.train(benchmark, recipe, tmp_path, 0, torch.device("cpu"))
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
    model = load_pretrained(benchmark, "cpu", tmp_path)
    assert model.card == card
    assert (model.error.deviation > 0).all()
    assert torch.get_float32_matmul_precision() == "highest"

    again = run.train(benchmark, recipe, tmp_path, 0, torch.device("cpu"), "calibration")
    assert again == card
    before = (tmp_path / "ldnet.safetensors").read_bytes()
    (tmp_path / "encoder.checkpoint").unlink()
    again = run.train(benchmark, recipe, tmp_path, 1, torch.device("cpu"), "encoder")
    assert (tmp_path / "ldnet.safetensors").read_bytes() == before
    assert again["files"]["ldnet.safetensors"] == card["files"]["ldnet.safetensors"]
    assert again["files"]["encoder.safetensors"] != card["files"]["encoder.safetensors"]
    assert load_pretrained(benchmark, "cpu", tmp_path).card == again


@pytest.mark.parametrize("name", RECIPES)
def test_autoencoder_is_added_to_a_card_and_stays_there(name, tmp_path):
    benchmark = COARSE[name]()
    benchmark.times = benchmark.times[:6]
    recipe = replace(small(RECIPES[name]), vae_steps=5, networks=4)
    before = {"benchmark": name, "files": {"ldnet.safetensors": "0123"}, "calibration": {}}
    save_card(tmp_path, before)
    card = run.train(benchmark, recipe, tmp_path, 0, torch.device("cpu"), "vae")
    assert card == read_card(tmp_path)
    assert {k: v for k, v in card.items() if k not in ("files", "vae")} == {
        k: v for k, v in before.items() if k != "files"
    }
    assert card["files"]["ldnet.safetensors"] == "0123"
    assert card["vae"]["steps"] == 5 and card["vae"]["seconds"] > 0
    errors = card["vae"]["error"]["validation"]
    assert set(errors) == {"state", "observation"} and all(0 < e < 3 for e in errors.values())
    assert torch.get_float32_matmul_precision() == "highest"

    vae = load_vae(benchmark, "cpu", tmp_path)
    again = reconstruction_error(benchmark, vae, "validation", torch.device("cpu"), 3)
    assert again == pytest.approx(errors, rel=1e-3)  # of the weights as they are shipped


def test_autoencoder_is_not_lost_when_the_encoder_is_made_anew(tmp_path, monkeypatch):
    basin = Tsunami(32)
    basin.times = basin.times[:6]
    monkeypatch.setattr(calibration, "SETTINGS", calibration.SETTINGS[:1])
    recipe = replace(small(RECIPES["tsunami"]), joint_steps=2, decoder_steps=2, encoder_steps=2)
    recipe = replace(recipe, networks=4, vae_steps=2)
    device = torch.device("cpu")
    run.train(basin, recipe, tmp_path, 0, device)
    before = run.train(basin, recipe, tmp_path, 0, device, "vae")
    after = run.train(basin, recipe, tmp_path, 0, device, "encoder")
    assert after["vae"] == before["vae"]
    assert not any(k.startswith("vae") for k in after["training"]["recipe"])
    load_vae(basin, "cpu", tmp_path)


def test_autoencoder_needs_a_card_to_be_added_to(tmp_path):
    recipe = small(RECIPES["tsunami"])
    with pytest.raises(CheckpointError, match="no trained weights in"):
        run.train("tsunami", recipe, tmp_path, 0, torch.device("cpu"), "vae")
