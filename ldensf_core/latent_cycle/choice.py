"""Find out whether a device runs the latent cycle's Triton kernels."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from types import ModuleType

import torch

from ldensf_core.latent_cycle import layers

_TRYING = threading.Lock()


def cycle_functions(device: torch.device) -> ModuleType:
    """The functions of a latent cycle: module ``kernels`` if the device runs it, else ``layers``.

    Kernels need a GPU, Triton and a C compiler. If a GPU cannot run them, the reason is logged.
    """
    with _TRYING:  # one thread compiles, the others wait
        return _tried(device)


@lru_cache
def _tried(device: torch.device) -> ModuleType:
    if device.type != "cuda":
        return layers
    try:
        from ldensf_core.latent_cycle import kernels  # imports Triton

        with torch.cuda.device(device):
            kernels.try_out(device)
    except torch.OutOfMemoryError:
        raise  # not a fault of the kernels
    except Exception as error:  # any: no Triton, no compiler, wrong GPU
        logging.getLogger(__name__).warning("a cycle is slower without Triton: %s", error)
        return layers
    return kernels
