"""CPU memory from which a recorded graph reads its new input at each replay."""

from __future__ import annotations

import ctypes
from collections import defaultdict

import torch
from torch import Tensor

_unused: dict[int, list[Tensor]] = defaultdict(list)


class Staging:
    """Numbers on the CPU that a GPU can read directly.

    The memory is reused, never freed: release it only after the last read. To free it, torch would
    put an event into every stream that has read from it. That fails in a stream that records a
    graph, and ends the process on a lost GPU.

    Attributes:
        values: (size,), single precision.
    """

    def __init__(self, size: int) -> None:
        try:
            self.values = _unused[size].pop()
        except IndexError:
            self.values = torch.empty(size, dtype=torch.float32, pin_memory=True)
            # A reference that is never released, so not even the end of the interpreter frees it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.values))

    def __del__(self) -> None:
        if hasattr(self, "values"):  # missing if allocation failed
            _unused[len(self.values)].append(self.values)
