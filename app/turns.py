"""Work of full-space workers on a CPU, in turns: one core is left to latent filters and pages.

Each visitor has a full-space worker, and one alone would keep a core busy for as long as a run
takes. With ten of them on two cores the latent filters would get a tenth of the time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

Step = TypeVar("Step")

_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AT_ONCE = max(1, _cores - 1)
"""Full-space workers that compute at a time, in the whole process."""

_turns = threading.BoundedSemaphore(AT_ONCE)


def in_turns(steps: Iterator[Step], first: bool, device: torch.device) -> Iterator[Step]:
    """The steps of an iterator, each computed when it is this one's turn.

    Args:
        first: whether it need not wait; nor does what runs on a GPU, which has streams for that.
    """
    turn: AbstractContextManager = nullcontext() if first or device.type != "cpu" else _turns
    while True:
        with turn:
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step
