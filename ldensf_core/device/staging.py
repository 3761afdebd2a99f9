"""Memory of the CPU from which a recorded graph takes what is new in each replay."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

_unused: dict[int, list[Tensor]] = defaultdict(list)


class Staging:
    """Numbers on the CPU that a GPU can read by itself.

    The memory is never freed but used again: torch would put events of those who have read from it
    into their streams, also into the one where another graph is recorded just then.

    Attributes:
        values: (size,), single precision.
    """

    def __init__(self, size: int) -> None:
        try:
            self.values = _unused[size].pop()
        except IndexError:
            self.values = torch.empty(size, dtype=torch.float32, pin_memory=True)

    def __del__(self) -> None:
        _unused[len(self.values)].append(self.values)
