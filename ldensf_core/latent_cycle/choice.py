"""Whether a device runs the kernels that the latent cycle has in Triton."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from types import ModuleType

import torch

from ldensf_core.latent_cycle import layers

_TRYING = threading.Lock()


def cycle_functions(device: torch.device) -> ModuleType:
    """What a latent cycle is made of: the functions of ``kernels`` or, elsewhere, of ``layers``.

    Kernels need a GPU with Triton and a C compiler. If a GPU cannot run them, the reason is logged.
    """
    with _TRYING:  # compiled by one thread, found ready by the others
        return _tried(device)


@lru_cache
def _tried(device: torch.device) -> ModuleType:
    if device.type != "cuda":
        return layers
    try:
        from ldensf_core.latent_cycle import kernels  # which imports Triton

        with torch.cuda.device(device):
            kernels.try_out(device)
    except torch.OutOfMemoryError:
        raise  # which says nothing of kernels
    except Exception as error:  # of whatever kind: Triton missing, its compiler, the GPU
        logging.getLogger(__name__).warning("a cycle is slower without Triton: %s", error)
        return layers
    return kernels
