"""Choose a device, name it, and find out whether it still works."""

from __future__ import annotations

import threading
from functools import lru_cache

import torch


def resolve_device(device: str | torch.device) -> torch.device:
    """``auto``: the first CUDA GPU that works, else the CPU. ``cuda``: the first GPU.

    A GPU is prepared for use by several threads.

    Raises:
        ValueError: if torch does not know the device, the machine does not have it, or it has
            failed for good (``is_lost``).
    """
    if str(device) == "auto":
        device = devices()[0]
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device {device!r} is unknown; there are auto, cpu, cuda") from error
    if resolved.type not in ("cpu", "cuda"):
        raise ValueError(f"device {str(device)!r} is not supported; there are auto, cpu, cuda")
    if resolved.type == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError(
            f"device {str(device)!r}: torch finds no CUDA GPU here; use 'cpu' or 'auto'"
        )
    index = resolved.index or 0
    if index >= torch.cuda.device_count():
        there = ", ".join(map(str, devices()))
        raise ValueError(f"device {str(device)!r} does not exist; there are {there}")
    resolved = torch.device("cuda", index)
    if resolved in lost:
        raise ValueError(
            f"device {str(device)!r} has failed for good in this process: restart it, or use 'cpu'"
        )
    with _FIRST_USE:
        _make_ready(resolved)
    return resolved


def devices() -> list[torch.device]:
    """All usable devices, the choice of ``auto`` first; without lost GPUs."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.device("cuda", i) for i in range(count)]
    return [*(gpu for gpu in gpus if gpu not in lost), torch.device("cpu")]


def device_name(device: torch.device | str) -> str:
    """A device's name for people: of the GPU, or the number of CPU cores that a thread uses."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return "one CPU core" if threads == 1 else f"{threads} CPU cores"


def is_lost(device: torch.device) -> bool:
    """Whether a GPU has failed for good: after some errors it no longer works in this process."""
    if device.type != "cuda":
        return False
    if device in lost:
        return True
    try:
        torch.zeros(1, device=device).add_(1).item()
    except RuntimeError as error:
        if "out of memory" in str(error):  # of torch or CUDA: temporary
            return False
        lost.add(device)
        return True
    return False


lost: set[torch.device] = set()
"""GPUs that have failed for good."""
_FIRST_USE = threading.Lock()


@lru_cache
def _make_ready(device: torch.device) -> None:
    """Load what torch loads at first use: two threads at once would fail."""
    torch.linalg.eigh(torch.eye(2, device=device))
