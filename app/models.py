"""Trained models in memory, shared by all sessions: they are read-only and many megabytes."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from ldensf_core import get_benchmark, load_pretrained
from ldensf_core.weights.checkpoints import FILES, weights_folder

KEPT = 6  # models, of three benchmarks on two devices
_loading = threading.Lock()


def shared_model(benchmark: str, device: str) -> Any:
    """The model that ``load_pretrained`` gives, read anew only when its files have changed.

    Raises:
        CheckpointError: as ``load_pretrained``.
    """
    folder = weights_folder(get_benchmark(benchmark))
    with _loading:
        return _model(benchmark, device, folder, _stamp(folder))


@lru_cache(maxsize=KEPT)
def _model(benchmark: str, device: str, folder: Path, stamp: tuple[Any, ...]) -> Any:
    """The model; ``folder`` and ``stamp`` say which it is of those that have been there."""
    return load_pretrained(benchmark, device)


def _stamp(folder: Path) -> tuple[Any, ...]:
    """What changes when one of the model's files in ``folder`` is written."""
    files = [folder / name for name in ("card.json", *FILES.values())]
    stats = [file.stat() for file in files if file.exists()]
    return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in stats)
