"""Where to compute."""

from __future__ import annotations

import logging
from functools import lru_cache
from types import ModuleType

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
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device {device!r} is unknown; there are auto, cpu, cuda") from error
    if resolved.type not in ("cpu", "cuda"):
        raise ValueError(f"device {str(device)!r} is not supported; there are auto, cpu, cuda")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': torch finds no CUDA GPU here; use 'cpu' or 'auto'")
    return resolved


@lru_cache
def cycle_functions(device: torch.device) -> ModuleType:
    """What a latent cycle is made of: the functions of ``kernels`` or, elsewhere, of ``layers``.

    Kernels need a GPU with Triton and a C compiler. If a GPU cannot run them, the reason is logged.
    """
    from ldensf_core import layers

    if device.type != "cuda":
        return layers
    try:
        from ldensf_core import kernels

        kernels.try_out(device)
    except Exception as error:  # of whatever kind: Triton missing, its compiler, the GPU
        logging.getLogger(__name__).warning("a cycle is slower for want of Triton: %s", error)
        return layers
    return kernels
