import errno
import math
import threading
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

import ldensf_app.setup
from ldensf_app.export import view_dataset
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Snapshot
from ldensf_app.timeline import Timeline
from ldensf_app.view import View
from ldensf_app.worker import Worker, explain
from ldensf_core import CheckpointError, SensorNetwork, get_benchmark
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
    assert len(snapshot.networks[0]) == 16 and snapshot.true_parameters.shape == (2,)
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
def kolmogorov():
    return Settings(benchmark="kolmogorov", filters=["ensf"], full_space_members=2).setup()


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


def test_a_reset_does_not_wait_for_an_earlier_spin_up(worker, setup, kolmogorov, wait, endless):
    worker.reset(kolmogorov)
    assert endless.wait(30)
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.setup == setup and worker.snapshot.index == 0


def test_a_spin_up_tells_how_far_it_is(kolmogorov, wait, monkeypatch):
    worker, told = Worker("full space"), []

    def publish(**changes):
        told.append(changes.get("spun_up"))
        Worker._publish(worker, **changes)

    monkeypatch.setattr(worker, "_publish", publish)
    monkeypatch.setattr(type(get_benchmark("kolmogorov")), "advance", lambda _, state, *a: state)
    prior_ensemble.cache_clear()
    worker.reset(kolmogorov)
    wait(lambda: worker.snapshot.phase == "paused")
    *shares, of_the_cycle = told
    assert of_the_cycle is None and 13 <= len(shares) <= 20
    assert shares == sorted(shares) and 0 < shares[0] and shares[-1] <= 1
    prior_ensemble.cache_clear()
    worker.close()
    worker.join(timeout=30)


def test_close_does_not_wait_for_a_spin_up(kolmogorov, endless):
    worker = Worker("full space")
    worker.reset(kolmogorov)
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


def test_every_cycle_keeps_its_fields_as_frames(worker, setup, wait):
    setup = replace(setup, filters=("ensf", "letkf"))
    worker.reset(setup)
    seen = []
    for index in range(3):
        wait(lambda index=index: worker.snapshot.index == index)
        seen.append(worker.snapshot)
        worker.step()
    keys = {("truth", ""), *((kind, n) for kind in ("mean", "spread") for n in setup.filters)}
    for index, snapshot in enumerate(seen):
        assert len(snapshot.frames) == index + 1
        frames = snapshot.frames[index]
        assert set(frames) == keys
        full = {("truth", ""): snapshot.truth}
        full |= {("mean", name): field for name, field in snapshot.mean.items()}
        full |= {("spread", name): field for name, field in snapshot.spread.items()}
        for key, frame in frames.items():
            for variable, field in enumerate(full[key]):
                level = float(np.ptp(field)) / 65534
                assert np.abs(frame.unpack(variable) - field).max() <= 0.51 * level
        with pytest.raises(TypeError):
            frames["truth", ""] = None
    first, _, last = (snapshot.frames for snapshot in seen)
    assert last[0] is first[0]  # and no pixels were copied


def test_a_snapshot_tells_who_measured_at_each_cycle(worker, setup, wait):
    timeline, fewer = Timeline(), SensorNetwork.random(get_benchmark("tsunami"), 4, seed=1)
    worker.reset(setup, timeline)
    wait(lambda: worker.snapshot.index == 0)
    (first,) = worker.snapshot.networks
    timeline.change(sensors=fewer, assimilate=False)
    worker.step()
    wait(lambda: worker.snapshot.index == 1)
    timeline.change(assimilate=True)
    worker.step()
    wait(lambda: worker.snapshot.index == 2)
    snapshot = worker.snapshot
    assert len(first) == 16 and snapshot.networks == (first, fewer, fewer)
    assert [len(o.sensors) for o in snapshot.observed] == [16, 4, 4]
    assert snapshot.assimilated == (True, False, True)


def test_a_change_is_told_at_once_and_holds_from_the_next_cycle(worker, setup, wait):
    timeline = Timeline()
    worker.reset(setup, timeline)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.changes == () and worker.snapshot.settings["changes"] == []
    timeline.change(noise=0.4)
    worker.heed()
    wait(lambda: worker.snapshot.changes)
    assert worker.snapshot.changes == ((1, {"noise": 0.4}),)
    assert worker.snapshot.settings["changes"] == [[1, {"noise": 0.4}]]
    assert worker.snapshot.phase == "paused" and worker.snapshot.index == 0
    worker.step()
    wait(lambda: worker.snapshot.index == 1)
    before, after = (o.std for o in worker.snapshot.observed)
    assert after.tolist() == pytest.approx((4 * before).tolist())
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused" and worker.snapshot.index == 0)
    assert worker.snapshot.changes == ()


def test_a_change_before_the_first_cycle_holds_from_there(worker, setup, wait):
    timeline = Timeline()
    timeline.change(noise=0.4)
    worker.reset(setup, timeline)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.changes == ((0, {"noise": 0.4}),)
    std = [v.std for v in get_benchmark("tsunami").variables]
    assert worker.snapshot.observed[0].std.tolist() == pytest.approx([0.4 * s for s in std])


def test_a_change_that_cannot_be_made_is_a_notice_and_the_run_goes_on(worker, setup, wait):
    timeline = Timeline()
    worker.reset(setup, timeline)
    wait(lambda: worker.snapshot.phase == "paused")
    timeline.change(missing=2.0, noise=0.2)
    worker.heed()
    wait(lambda: worker.snapshot.notice)
    assert worker.snapshot.notice == "missing = 2.0: allowed is 0 to 1"
    assert worker.snapshot.changes == ((1, {"noise": 0.2}),)
    assert worker.snapshot.phase == "paused" and worker.snapshot.message == ""
    worker.step()
    wait(lambda: worker.snapshot.index == 1)
    assert worker.snapshot.notice == "" and worker.snapshot.phase == "paused"
    timeline.change(wind=3.0)
    worker.heed()
    wait(lambda: worker.snapshot.notice)
    assert "change of ['wind']: allowed are" in worker.snapshot.notice
    worker.play()
    wait(lambda: worker.snapshot.index > 2)
    assert worker.snapshot.notice == "" and worker.snapshot.phase == "playing"


def test_after_the_last_cycle_nothing_can_change(worker, setup, wait):
    timeline = Timeline()
    worker.reset(setup, timeline)
    worker.set_speed(math.inf)
    worker.play()
    wait(lambda: worker.snapshot.phase == "finished")
    timeline.change(noise=0.2)
    worker.heed()
    wait(lambda: worker.snapshot.notice)
    assert "last cycle" in worker.snapshot.notice and "Reset" in worker.snapshot.notice
    assert worker.snapshot.changes == () and worker.snapshot.phase == "finished"


def test_a_worker_without_its_filters_stays_idle(worker, setup, wait):
    worker.reset(replace(setup, filters=("none",)))
    wait(lambda: worker.snapshot.phase == "idle" and worker.snapshot.setup is not None)
    worker.play()
    worker.step()
    worker.heed()
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


def test_a_failing_cycle_becomes_a_message_and_the_run_so_far_is_kept(
    worker, setup, wait, monkeypatch
):
    timeline = Timeline()
    worker.reset(setup, timeline)
    worker.step()
    wait(lambda: worker.snapshot.index == 1)
    timeline.change(noise=0.3)
    worker.heed()
    wait(lambda: worker.snapshot.changes)
    before = worker.snapshot

    def fail():
        raise RuntimeError("the water ran out")
        yield

    worker._cycles = fail()
    worker.play()
    wait(lambda: worker.snapshot.phase == "failed")
    failed = worker.snapshot
    assert "the water ran out" in failed.message
    assert "Reset" in failed.message
    told = ("version", "phase", "message")
    assert [f.name for f in fields(failed) if getattr(failed, f.name) is not getattr(before, f.name)
            and f.name not in told] == []  # fmt: skip
    assert len(failed.records) == len(failed.frames) == len(failed.observed) == 2
    data = view_dataset(View(Snapshot(), failed), get_benchmark("tsunami"))
    assert data.sizes["time"] == 2 and np.isfinite(data["eta_mean"]).all()
    worker.step()  # there is nothing to go on with
    worker.reset(setup)
    wait(lambda: worker.snapshot.phase == "paused")
    assert worker.snapshot.message == "" and worker.snapshot.index == 0


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
        (OSError(errno.ENOSPC, "No space left on device"), "make room on the server's disk"),
        (KeyError("u"), "Press Reset"),
    ],
)
def test_errors_are_explained(error, words):
    assert words in explain(error)


def test_device_names_are_for_people():
    assert device_name("cpu") == "one CPU core"
