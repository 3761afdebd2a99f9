import math
import threading
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import ldensf_app.setup
from ldensf_app.worker import Worker, explain
from ldensf_core import CheckpointError, get_benchmark
from ldensf_core.device import device_name
from ldensf_core.filters.full_space import prior_ensemble


def test_reset_shows_the_first_cycle_paused(worker, setup, wait):
    assert worker.snapshot.phase == "idle" and worker.snapshot.index == -1
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    snapshot = worker.snapshot
    assert snapshot.index == 0 and len(snapshot.records) == 1
    assert snapshot.setup == setup
    assert snapshot.truth.shape == (3, 150, 150)
    assert len(snapshot.sensors) == 16 and snapshot.true_parameters.shape == (2,)
    assert snapshot.records[0]["ensf"].cycle_ms > 0
    assert not snapshot.records[0]["ensf"].complete


def test_step_advances_by_one_and_stays_paused(worker, setup, wait):
    worker.reset(setup)
    worker.step()
    worker.step()
    wait(lambda: worker.snapshot.index == 2)
    assert worker.snapshot.phase == "paused"
    whole, parts = worker.snapshot.records[2]["ensf"], worker.snapshot.records[1]["ensf"]
    assert whole.complete and whole.cycle_ms > 0 and math.isnan(whole.forecast_ms)
    assert parts.cycle_ms == parts.forecast_ms + parts.analysis_ms


def test_versions_only_grow_and_every_cycle_is_recorded(worker, setup, wait):
    seen = []
    worker.reset(setup)
    worker.set_speed(math.inf)
    worker.play()

    def finished():
        seen.append(worker.snapshot.version)
        return worker.snapshot.phase == "finished"

    wait(finished)
    assert seen == sorted(seen)
    assert worker.snapshot.index == 50 and len(worker.snapshot.records) == 51
    worker.step()  # nothing is left to do, and nothing breaks
    worker.play()
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.index == 0 and len(worker.snapshot.records) == 1


def test_pause_holds_and_play_goes_on(worker, setup, wait):
    worker.reset(setup)
    worker.set_speed(20.0)
    worker.play()
    wait(lambda: worker.snapshot.index >= 3)
    worker.pause()
    wait(lambda: worker.snapshot.phase == "paused")
    version, index = worker.snapshot.version, worker.snapshot.index
    threading.Event().wait(0.3)
    assert (worker.snapshot.version, worker.snapshot.index) == (version, index)
    worker.play()
    wait(lambda: worker.snapshot.index > index)


def test_speed_paces_the_cycles(worker, setup, wait):
    worker.reset(setup)
    worker.set_speed(0.01)
    worker.play()
    wait(lambda: worker.snapshot.index >= 1)  # the first is due at once
    threading.Event().wait(0.4)
    assert worker.snapshot.index == 1


def test_of_many_resets_only_the_last_is_built(worker, setup, wait, monkeypatch):
    built = []
    experiment = ldensf_app.setup.Setup.experiment

    def count(self, kind):
        built.append(self.noise)
        return experiment(self, kind)

    monkeypatch.setattr(ldensf_app.setup.Setup, "experiment", count)
    for noise in np.linspace(0, 0.5, 20):
        worker.reset(replace(setup, noise=float(noise)))
    wait(lambda: worker.snapshot.phase == "paused" and worker.snapshot.setup.noise == 0.5)
    assert built[-1] == 0.5 and len(built) <= 3


@pytest.fixture
def endless(monkeypatch):
    """The Kolmogorov flow, which never gets going; gives what happens at its steps."""
    under_way = threading.Event()

    def spin_up(flow, parameters):
        while True:
            under_way.set()
            yield parameters

    monkeypatch.setattr(type(get_benchmark("kolmogorov")), "spin_up", spin_up)
    prior_ensemble.cache_clear()
    yield under_way
    prior_ensemble.cache_clear()


def test_a_reset_does_not_wait_for_an_earlier_spin_up(worker, setup, wait, endless):
    worker.reset(replace(setup, benchmark="kolmogorov"))
    assert endless.wait(30)
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.setup == setup and worker.snapshot.index == 0


def test_a_spin_up_tells_how_far_it_is(setup, wait, monkeypatch):
    worker, told = Worker("full space"), []

    def publish(**changes):
        told.append(changes.get("spun_up"))
        Worker._publish(worker, **changes)

    monkeypatch.setattr(worker, "_publish", publish)
    monkeypatch.setattr(type(get_benchmark("kolmogorov")), "advance", lambda _, state, *a: state)
    prior_ensemble.cache_clear()
    worker.reset(replace(setup, benchmark="kolmogorov"))
    wait(lambda: worker.snapshot.phase == "paused")
    *shares, of_the_cycle = told
    assert of_the_cycle is None and 8 <= len(shares) <= 10
    assert shares == sorted(shares) and 0 < shares[0] and shares[-1] <= 1
    prior_ensemble.cache_clear()
    worker.close()
    worker.join(timeout=30)


def test_close_does_not_wait_for_a_spin_up(setup, endless):
    worker = Worker("full space")
    worker.reset(replace(setup, benchmark="kolmogorov"))
    assert endless.wait(30)
    worker.close()
    worker.join(timeout=30)
    assert not worker.is_alive() and worker.snapshot.phase == "idle"


def test_snapshots_cannot_be_changed(worker, setup, wait):
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    snapshot = worker.snapshot
    arrays = [
        snapshot.truth,
        snapshot.mean["ensf"],
        snapshot.spread["ensf"],
        snapshot.records[0]["ensf"].parameters,
    ]
    for array in arrays:
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        snapshot.index = 3
    with pytest.raises(TypeError):
        snapshot.mean["ensf"] = None
    before = snapshot.truth.copy()
    worker.step()
    wait(lambda: worker.snapshot.index == 1)
    assert np.array_equal(snapshot.truth, before) and snapshot.index == 0


def test_a_worker_without_its_filters_stays_idle(worker, setup, wait):
    worker.reset(replace(setup, filters=("none",)))
    wait(lambda: worker.snapshot.phase == "idle" and worker.snapshot.setup is not None)
    worker.play()
    worker.step()
    assert worker.snapshot.truth is None


def test_a_bad_setting_becomes_a_message_and_the_session_lives_on(worker, setup, wait):
    worker.reset(replace(setup, filters=()))
    wait(lambda: worker.snapshot.phase == "failed")
    assert "Choose one filter or more" in worker.snapshot.message
    worker.play()
    worker.step()
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.message == ""


def test_a_failing_cycle_becomes_a_message_and_keeps_what_was_computed(
    worker, setup, wait, monkeypatch
):
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")

    def fail():
        raise RuntimeError("the water ran out")
        yield

    worker._cycles = fail()
    worker.play()
    wait(lambda: worker.snapshot.phase == "failed")
    assert "the water ran out" in worker.snapshot.message
    assert "Reset" in worker.snapshot.message
    assert worker.snapshot.truth is not None and len(worker.snapshot.records) == 1


def test_missing_weights_become_a_message(setup, wait, monkeypatch, tmp_path):
    monkeypatch.setattr("ldensf_core.weights.checkpoints.PRETRAINED", tmp_path)
    worker = Worker("latent")
    worker.reset(replace(setup, filters=("ld-ensf",)))
    wait(lambda: worker.snapshot.phase == "failed")
    assert "no trained weights" in worker.snapshot.message
    assert "ldensf train tsunami" in worker.snapshot.message
    worker.close()
    worker.join(timeout=30)


def test_close_ends_the_thread_and_lets_go_of_the_experiment(setup, wait):
    worker = Worker("full space")
    worker.reset(setup)
    worker.set_speed(math.inf)
    worker.play()
    wait(lambda: worker.snapshot.index >= 1)
    worker.close()
    worker.join(timeout=30)
    assert not worker.is_alive()
    assert worker.snapshot.truth is None and worker._experiment is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("noise = 7: allowed is 0 to 1"), "noise = 7: allowed is 0 to 1"),
        (CheckpointError("card.json is damaged"), "card.json is damaged"),
        (MemoryError(), "fewer members"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "fewer members"),
        (KeyError("u"), "Press Reset"),
    ],
)
def test_errors_are_explained(error, words):
    assert words in explain(error)


def test_device_names_are_for_people():
    assert device_name("cpu") == "one CPU core"
