"""How long a thread's own work takes."""

from __future__ import annotations

import time

import torch

THREAD_CLOCK_IS_FINE = time.get_clock_info("thread_time").resolution < 1e-4
"""Some systems count a thread's time in ticks that are longer than a cycle."""


def clock(device: torch.device) -> float:
    """Seconds, for the difference of two readings by one thread, all work asked for being done.

    On the CPU with one thread it is that thread's own computing time, so that other programs,
    or another filter on another thread, do not count; with several threads, and on a GPU, it
    is wall time.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif torch.get_num_threads() == 1 and THREAD_CLOCK_IS_FINE:
        return time.thread_time()
    return time.perf_counter()
