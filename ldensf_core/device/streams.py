"""Streams: queues of GPU work, one for each thread, with priorities.

Work of one stream runs in order; several streams run side by side. A thread without a stream works
in the default one. Never wait for the whole device: that fails while any other thread records a
graph (``recording``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

FIRST, USUAL = -1, 0
"""Priorities, in CUDA's numbers."""
STREAMS = 15
"""Streams of one priority on one GPU; torch has 32 of each. More threads share them."""


class _Streams:
    """The streams of one priority on one GPU.

    Torch hands out its 32 streams in rotation; these are requested once and kept.

    Attributes:
        recording: stream used only to record graphs.
    """

    def __init__(self, device: torch.device, priority: int) -> None:
        streams = [torch.cuda.Stream(device, priority=priority) for _ in range(STREAMS + 1)]
        self.recording, self._users = streams[0], dict.fromkeys(streams[1:], 0)

    def take(self) -> torch.cuda.Stream:
        """The stream with the fewest threads."""
        with _TAKING:
            stream = min(self._users, key=self._users.__getitem__)
            self._users[stream] += 1
        return stream

    def give_back(self, stream: torch.cuda.Stream) -> None:
        with _TAKING:
            self._users[stream] -= 1


_TAKING = threading.Lock()


@lru_cache
def _streams(device: torch.device, priority: int) -> _Streams:
    return _Streams(device, priority)


@contextmanager
def own_stream(device: torch.device, first: bool = False) -> Iterator[None]:
    """Do the GPU work of this thread in a separate stream.

    Args:
        first: whether it has priority over the work of other threads.
    """
    if device.type != "cuda":
        yield
        return
    with _TAKING:
        streams = _streams(device, FIRST if first else USUAL)
    stream = streams.take()
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        streams.give_back(stream)


def recording_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream to record this thread's graphs in: kernels keep its priority."""
    priority = torch.cuda.current_stream(device).priority
    with _TAKING:
        return _streams(device, FIRST if priority < USUAL else USUAL).recording


def wait(device: torch.device) -> None:
    """Wait until all GPU work of this thread is done."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
