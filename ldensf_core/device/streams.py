"""Streams: queues of GPU work, one for each thread, of which those that matter most come first.

Work of one stream is done in order, that of several side by side. A thread that names none works
in the default stream. Nobody waits for the device as a whole: while one thread records a graph,
that fails in every other (``recording``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

FIRST, USUAL = -1, 0
"""Priorities, as CUDA numbers them."""
STREAMS = 15
"""Streams of one priority on one GPU; torch has 32 of each. If more are wanted, some are shared."""


class _Streams:
    """The streams of one priority on one GPU.

    Torch hands its streams out in turns, the same one again after 32: these are asked for once.

    Attributes:
        recording: where graphs are recorded, and nothing else is ever done.
    """

    def __init__(self, device: torch.device, priority: int) -> None:
        streams = [torch.cuda.Stream(device, priority=priority) for _ in range(STREAMS + 1)]
        self.recording, self._users = streams[0], dict.fromkeys(streams[1:], 0)

    def take(self) -> torch.cuda.Stream:
        """The stream that the fewest threads work in."""
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
    """Do the GPU work of this thread in a stream apart from that of others.

    Args:
        first: whether it goes before that of other threads where the GPU has to choose.
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
    """Where to record graphs that this thread is to replay: kernels keep the stream's priority."""
    priority = torch.cuda.current_stream(device).priority
    with _TAKING:
        return _streams(device, FIRST if priority < USUAL else USUAL).recording


def wait(device: torch.device) -> None:
    """Let this thread wait until all GPU work that it has asked for is done."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
