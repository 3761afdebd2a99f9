"""A run that fails says why and what to do, and goes once the cause is mended."""

import json
import shutil

import pytest

from ldensf_app import sessions
from ldensf_app.dashboard import Dashboard
from ldensf_core.benchmarks import BENCHMARKS, Tsunami
from ldensf_core.weights.checkpoints import PRETRAINED


@pytest.fixture
def weights(tmp_path):
    """Weights of the tsunami, in a folder of one's own."""
    folder = tmp_path / "weights"
    shutil.copytree(PRETRAINED / "tsunami", folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"benchmark": "own-tsunami"}))
    return folder


@pytest.fixture
def dashboard(weights, monkeypatch):
    list(BENCHMARKS)
    monkeypatch.setattr(BENCHMARKS, "_things", dict(BENCHMARKS._things))
    own = type("Own", (Tsunami,), {"name": "own-tsunami", "weights": weights})
    dashboard = Dashboard(own, filters=["ld-ensf"])
    yield dashboard
    dashboard.close()


def reset(dashboard, wait):
    """Phase and message of the new run."""
    dashboard.reset()
    wait(lambda: dashboard.race.latent.snapshot.run == dashboard.race.runs)
    wait(lambda: dashboard.race.latent.snapshot.phase in ("paused", "failed"))
    return dashboard.race.latent.snapshot.phase, dashboard.race.latent.snapshot.message


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_weights_that_are_restored_run_after_a_reset(dashboard, weights, wait, harm):
    file = weights / "ldnet.safetensors"
    content = file.read_bytes()
    assert reset(dashboard, wait) == ("paused", "")
    file.write_bytes(content[:-40] + bytes(40)) if harm == "damaged" else file.unlink()
    phase, message = reset(dashboard, wait)
    assert phase == "failed" and harm in message and str(file) in message
    assert message.endswith("press Reset.")
    file.write_bytes(content)
    assert reset(dashboard, wait) == ("paused", "")


def test_a_device_that_is_missing_is_told_and_another_one_taken(monkeypatch):
    monkeypatch.setenv("LDENSF_DEVICE", "cuda:99")
    dashboard = sessions.dashboard()
    assert dashboard.settings.device == "cpu"
    assert "cuda:99" in dashboard.page.said.object and "on the CPU" in dashboard.page.said.object
    dashboard.close()
