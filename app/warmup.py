"""Benchmarks that a visitor may switch to next are made ready while the first one is looked at.

The atmosphere's truth takes seconds to its first snapshot. It is the same for everyone with the
same seed, and the library keeps it: one thread for all sessions computes it ahead of its time.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import torch

from ldensf_app.settings import Settings
from ldensf_core import CheckpointError, list_benchmarks
from ldensf_core.device import own_stream, release_memory

log = logging.getLogger(__name__)

_one_thread = ThreadPoolExecutor(1, "ldensf-warm-up", initializer=lambda: torch.set_num_threads(1))


_begun: set[tuple[int, str]] = set()


def warm_up(seed: int, device: str) -> None:
    """Load all models, and compute the first snapshot of all truths of a seed; returns at once."""
    if (seed, device) not in _begun:
        _begun.add((seed, device))
        for name in list_benchmarks():
            _one_thread.submit(_prepare, name, seed, device)


def _prepare(name: str, seed: int, device: str) -> None:
    setup = Settings(benchmark=name, seed=seed, device=device).setup()
    try:
        with own_stream(torch.device(device)):
            kind = next(iter(setup.classes.values())).kind
            setup.experiment(kind).observation(0)
    except CheckpointError:
        pass  # the page says so when it is chosen
    except Exception:
        log.exception("%s could not be prepared", name)
    finally:
        release_memory(torch.device(device))
