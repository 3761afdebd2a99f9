"""Where to compute."""

from __future__ import annotations

import torch


def resolve_device(device: str | torch.device) -> torch.device:
    """``auto`` is a CUDA GPU where there is one, else the CPU.

    Raises:
        ValueError: for a device that torch does not know or this machine does not have.
    """
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device {device!r} is unknown; there are auto, cpu, cuda") from error
    if resolved.type not in ("cpu", "cuda"):
        raise ValueError(f"device {str(device)!r} is not supported; there are auto, cpu, cuda")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': torch finds no CUDA GPU here; use 'cpu' or 'auto'")
    return resolved


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock read next tells the time of what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
