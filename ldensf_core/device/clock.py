"""How long a thread's own work takes, whatever else the machine does."""

from __future__ import annotations

import time
from itertools import pairwise

import torch

from ldensf_core.device.streams import wait

THREAD_CLOCK_IS_FINE = time.get_clock_info("thread_time").resolution < 1e-4
"""Some systems count a thread's time in ticks that are longer than a cycle."""


def clock(device: torch.device) -> float:
    """Seconds, for the difference of two readings by one thread; waits for all that it has queued.

    On the CPU with one thread it is that thread's own computing time, so that other programs,
    or another filter on another thread, do not count; with several threads, and on a GPU, it
    is wall time.
    """
    if device.type == "cuda":
        wait(device)
    elif torch.get_num_threads() == 1 and THREAD_CLOCK_IS_FINE:
        return time.thread_time()
    return time.perf_counter()


class Stopwatch:
    """Times between the marks that a thread sets in its work.

    On a GPU these are events in the thread's own stream: nobody waits before the last one, and
    the work of other threads counts only as far as it holds this one up.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._marks: list = []

    def mark(self) -> None:
        """Note the end of one part and the beginning of the next."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self.device))
            self._marks.append(event)
        else:
            self._marks.append(clock(self.device))

    def milliseconds(self) -> list[float]:
        """Of the parts between the marks so far; waits for the last mark."""
        if self.device.type == "cuda":
            self._marks[-1].synchronize()
            return [a.elapsed_time(b) for a, b in pairwise(self._marks)]
        return [(b - a) * 1e3 for a, b in pairwise(self._marks)]
