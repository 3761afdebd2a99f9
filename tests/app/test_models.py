import os
import shutil

import pytest

from ldensf_app.models import shared_model
from ldensf_core import CheckpointError
from ldensf_core.weights import checkpoints


def test_a_model_is_loaded_once():
    assert shared_model("tsunami", "cpu") is shared_model("tsunami", "cpu")


def test_a_changed_file_is_read_anew(tmp_path, monkeypatch):
    shutil.copytree(checkpoints.PRETRAINED / "tsunami", tmp_path / "tsunami")
    monkeypatch.setattr(checkpoints, "PRETRAINED", tmp_path)
    before = shared_model("tsunami", "cpu")
    card = tmp_path / "tsunami" / "card.json"
    os.utime(card, ns=(0, 0))
    after = shared_model("tsunami", "cpu")
    assert after is not before and after is shared_model("tsunami", "cpu")
    card.unlink()
    with pytest.raises(CheckpointError, match="no trained weights"):
        shared_model("tsunami", "cpu")


def test_a_missing_model_is_looked_for_again(tmp_path, monkeypatch):
    shipped = checkpoints.PRETRAINED / "tsunami"
    monkeypatch.setattr(checkpoints, "PRETRAINED", tmp_path)
    with pytest.raises(CheckpointError, match="ldensf train tsunami"):
        shared_model("tsunami", "cpu")
    shutil.copytree(shipped, tmp_path / "tsunami")
    assert shared_model("tsunami", "cpu").benchmark.name == "tsunami"
