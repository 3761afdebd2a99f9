"""Time the work of one thread, whatever else the machine does."""

from __future__ import annotations

import time
from itertools import pairwise

import torch

from ldensf_core.device.streams import wait

THREAD_CLOCK_IS_FINE = time.get_clock_info("thread_time").resolution < 1e-4
"""Whether thread time is fine enough: on some systems its ticks are longer than a cycle."""


def clock(device: torch.device) -> float:
    """Seconds, to subtract two readings of one thread; waits for all its queued work.

    On the CPU with one torch thread it is the computing time of this thread: other programs and
    other threads do not count. With several torch threads, and on a GPU, it is wall time.
    """
    if device.type == "cuda":
        wait(device)
    elif torch.get_num_threads() == 1 and THREAD_CLOCK_IS_FINE:
        return time.thread_time()
    return time.perf_counter()


class Stopwatch:
    """Times between marks in the work of a thread.

    On a GPU the marks are events in the thread's stream. Only the last one is waited for, and
    other threads count only as far as they delay this one.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._marks: list = []

    def mark(self) -> None:
        """Mark the end of one part and the start of the next."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self.device))
            self._marks.append(event)
        else:
            self._marks.append(clock(self.device))

    def milliseconds(self) -> list[float]:
        """Durations of the parts between the marks so far; waits for the last mark."""
        if self.device.type == "cuda":
            self._marks[-1].synchronize()
            return [a.elapsed_time(b) for a, b in pairwise(self._marks)]
        return [(b - a) * 1e3 for a, b in pairwise(self._marks)]
