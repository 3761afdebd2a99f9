"""Memory of the CPU from which a recorded graph takes what is new in each replay."""

from __future__ import annotations

import ctypes
from collections import defaultdict

import torch
from torch import Tensor

_unused: dict[int, list[Tensor]] = defaultdict(list)


class Staging:
    """Numbers on the CPU that a GPU can read by itself.

    The memory is never freed but used again: let go of it when what reads from it is done. To free
    it, torch would put an event into every stream that has read from it: also into the one where
    another graph is recorded just then, or of a GPU that is lost, which ends the process.

    Attributes:
        values: (size,), single precision.
    """

    def __init__(self, size: int) -> None:
        try:
            self.values = _unused[size].pop()
        except IndexError:
            self.values = torch.empty(size, dtype=torch.float32, pin_memory=True)
            # Not even when the interpreter ends: a reference that nobody gives back.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.values))

    def __del__(self) -> None:
        if hasattr(self, "values"):  # which it lacks if no memory could be had
            _unused[len(self.values)].append(self.values)
