"""The room that owns the GPU, as far as a machine without one can tell."""

import re
import threading
import time
import weakref
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from ldensf_core import device as room
from ldensf_core.device import (
    Stopwatch,
    captured,
    choice,
    clock,
    device_name,
    devices,
    kept,
    own_stream,
    recording,
    staging,
    streams,
)

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
ALONE = {
    "waits for a whole device": r"cuda\.synchronize|\bsynchronize\(device",
    "records a graph": r"CUDAGraph|cuda\.graph\b|capture_begin|make_graphed_callables|graph_pool",
    "makes a stream": r"cuda\.Stream\(|cuda\.ExternalStream|default_stream",
    "pins memory": r"pin_memory",
    "frees memory": r"empty_cache",
}


@pytest.mark.parametrize("what", ALONE)
def test_nothing_else_in_the_project(what):
    """Each of these, done anywhere by one thread, may fail what another thread does."""
    here = set()
    for folder in ("ldensf_core", "app", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            if re.search(ALONE[what], path.read_text()):
                here.add(path.relative_to(ROOT).parent.as_posix())
    assert here <= {"ldensf_core/device"}


def test_on_a_cpu_a_function_is_its_own_recording():
    def twice(x):
        return 2 * x

    x = torch.ones(3)
    assert captured(twice, x) is twice and kept(twice, x) is twice
    with own_stream(CPU, first=True):
        room.wait(CPU)
    room.release_memory(CPU)
    assert not room.is_lost(CPU)


def test_what_there_is_and_what_it_is_called():
    assert devices()[-1] == CPU
    assert room.resolve_device("cpu") == CPU
    assert device_name("cpu") == "one CPU core"  # as the tests have it
    assert device_name("cpu") != ""


def test_a_stopwatch_tells_the_times_of_the_parts():
    watch = Stopwatch(CPU)
    watch.mark()
    end = clock(CPU) + 0.02
    while clock(CPU) < end:
        pass
    watch.mark()
    watch.mark()
    busy, idle = watch.milliseconds()
    assert busy >= 20 and 0 <= idle < 20


def test_a_stopwatch_on_the_cpu_leaves_out_what_others_do():
    watch = Stopwatch(CPU)
    watch.mark()
    time.sleep(0.05)
    watch.mark()
    assert watch.milliseconds()[0] < 25


@pytest.fixture
def gpu(monkeypatch):
    """A machine with two GPUs, for questions that do not reach them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(choice, "_make_ready", lambda device: None)
    monkeypatch.setattr(choice, "lost", set())
    return torch.device("cuda", 0)


def test_the_first_gpu_is_taken_and_another_can_be(gpu):
    assert room.resolve_device("auto") == room.resolve_device("cuda") == gpu
    assert room.resolve_device("cuda:1") == torch.device("cuda", 1)
    assert [str(d) for d in devices()] == ["cuda:0", "cuda:1", "cpu"]
    with pytest.raises(ValueError, match="'cuda:2' does not exist; there are cuda:0, cuda:1, cpu"):
        room.resolve_device("cuda:2")


def test_a_gpu_that_is_lost_is_no_longer_offered(gpu, monkeypatch):
    def sticky(*_, **__):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch, "zeros", sticky)
    assert room.is_lost(gpu)
    assert room.resolve_device("auto") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="'cuda:0' has failed for good in this process"):
        room.resolve_device("cuda:0")


class Stream:
    """Of a GPU that is not there."""

    made = 0

    def __init__(self, device, priority):
        type(self).made += 1


def test_each_thread_has_a_stream_and_none_that_of_the_recordings(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    pool = streams._Streams(CPU, streams.FIRST)
    taken = [pool.take() for _ in range(streams.STREAMS)]
    assert len(set(taken)) == streams.STREAMS and pool.recording not in taken
    pool.give_back(taken[3])
    assert pool.take() is taken[3]
    assert pool.take() in taken  # shared, since there are no more


class Graph:
    """Of a GPU that is not there: notes whether it is destroyed while another is recorded."""

    destroyed: ClassVar[list[bool]] = []

    def replay(self):
        pass

    def __del__(self):
        Graph.destroyed.append(recording._lock.locked())  # by this very thread


def test_graphs_are_destroyed_by_one_thread_and_never_during_a_recording(monkeypatch):
    """A destroyed graph changes the list of graphs that random generators keep."""
    Graph.destroyed, during = [], []

    def record(function, device, generator):
        first.clear()  # the last reference to another recording goes while this one is made
        during.append(len(Graph.destroyed))
        return recording.Recording(device)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(recording, "_recorded", record)
    first = [recording.Recording(CPU)]
    second = recording.recorded(lambda: None, CPU)
    assert during == [0] and len(Graph.destroyed) == 1
    second()
    del second
    assert Graph.destroyed == [True, True]


def test_graphs_of_a_gpu_that_is_lost_are_never_destroyed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(recording, "_undead", undead := [])
    monkeypatch.setattr(recording, "lost", {torch.device("cuda", 1)})
    Graph.destroyed = []
    for index in (0, 1):
        recording.Recording(torch.device("cuda", index))
    assert Graph.destroyed == [True] and len(undead) == 1


def test_a_recording_without_room_is_tried_again_once_there_is_some(monkeypatch):
    """Memory of graphs that nobody needs any more comes back by this alone."""
    freed, tries = [], []

    def record(function, device, generator):
        tries.append(len(freed))
        if not freed:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "recorded"

    monkeypatch.setattr(recording, "_recorded", record)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(recording._lock.locked()))
    assert recording.recorded(lambda: None, CPU) == "recorded"
    assert tries == [0, 1] and freed == [True]


def test_one_recording_at_a_time(monkeypatch):
    spans = []

    def record(function, device, generator):
        start = time.monotonic()
        time.sleep(0.01)
        spans.append((start, time.monotonic()))

    monkeypatch.setattr(recording, "_recorded", record)
    threads = [
        threading.Thread(target=recording.recorded, args=(lambda: None, CPU)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spans) == 5
    assert all(before[1] <= after[0] for before, after in pairwise(sorted(spans)))


class OnGPU(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


def test_a_thread_records_a_function_once_and_keeps_the_latest(monkeypatch):
    made = []

    def record(function, *inputs):
        made.append((threading.get_ident(), function))
        result = torch.empty_like(inputs[0])

        def call(*new):
            return result.copy_(function(*new))  # a static buffer, as that of a graph

        return call

    monkeypatch.setattr(recording, "captured", record)
    x = torch.ones(2).as_subclass(OnGPU)
    functions = [lambda x, k=k: k * x for k in range(recording.KEPT + 1)]
    results = [kept(functions[1], x)(x) for _ in range(2)]
    assert len(made) == 1 and results[0].data_ptr() != results[1].data_ptr()
    assert torch.equal(kept(functions[1], x)(3 * x), 3 * x) and torch.equal(results[0], x)
    kept(functions[1], torch.ones(3).as_subclass(OnGPU))
    assert len(made) == 2  # other shapes are another recording
    other = threading.Thread(target=lambda: kept(functions[1], x))
    other.start()
    other.join()
    assert len(made) == 3 and made[2][0] != made[0][0]
    for function in functions[2:]:
        kept(function, x)
    before = len(made)
    kept(functions[-1], x)
    assert len(made) == before
    kept(functions[1], x)  # the oldest was let go
    assert len(made) == before + 1


def test_staging_is_used_again_and_never_freed(monkeypatch):
    made = []

    def pinned(size, dtype, pin_memory):
        assert pin_memory and dtype == torch.float32
        made.append(weakref.ref(tensor := torch.zeros(size)))
        return tensor

    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(staging, "_unused", defaultdict(list))
    one, other = room.Staging(4), room.Staging(4)
    assert one.values is not other.values and len(made) == 2
    address = one.values.data_ptr()
    del one
    assert room.Staging(4).values.data_ptr() == address and len(made) == 2
    assert len(room.Staging(5).values) == 5 and len(made) == 3
    del other
    staging._unused.clear()
    assert all(tensor() is not None for tensor in made)
