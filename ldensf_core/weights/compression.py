"""Compression of trained weights on disk.

Large matrices are stored in half precision, which changes the decoded fields by much less than the
surrogate's error; the dynamics, which are iterated, stay in single precision. The last layer of a
spectral decoder is by far the largest matrix, and most of its rows give coefficients of little
energy: those rows are stored as 8-bit integers with a step for each row. Their relative error,
about 0.7 %, affects only a small part of the field. The layer ``last`` of any decoder is stored in
this way if a buffer ``scales`` holds the size of each row's output.

If an accuracy of a few per cent suffices, as for the coupled autoencoder, all large matrices are
stored in eight bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGE = 10_000  # elements
LAST, SCALES = "decoder.last.weight", "decoder.scales"
FINE_ROWS = 8
"""One in this many rows of the last layer, of the largest coefficients, stays in half precision."""


def compress(state: dict[str, Tensor], coarsely: bool = False) -> dict[str, Tensor]:
    """The tensors to write for the ``state`` of a module.

    Args:
        coarsely: store every large matrix in eight bits.
    """
    if coarsely:
        stored = {}
        for name, tensor in state.items():
            stored |= _in_steps(name, tensor) if _large(name, tensor) else {name: tensor.cpu()}
    else:
        stored = {name: _halved(name, tensor) for name, tensor in state.items()}
        if LAST in state and SCALES in state and state[SCALES].shape == state[LAST].shape[:1]:
            fine, coarse = _rows(state[SCALES])
            stored[LAST] = stored[LAST][fine.cpu()]
            stored |= _in_steps(LAST, state[LAST][coarse])
    return {name: tensor.contiguous() for name, tensor in stored.items()}


def expand(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """The ``state`` of a module, in single precision, from the output of ``compress``."""
    state = {name: tensor.float() for name, tensor in stored.items()}
    for name in [n.removesuffix(".step") for n in stored if n.endswith(".step")]:
        rows = state.pop(f"{name}.coarse") * state.pop(f"{name}.step")
        if name in state:
            fine, coarse = _rows(state[SCALES])
            whole = rows.new_empty(len(fine) + len(coarse), rows.shape[1])
            whole[fine], whole[coarse] = state[name], rows
            rows = whole
        state[name] = rows
    return state


def _in_steps(name: str, rows: Tensor) -> dict[str, Tensor]:
    """A matrix as 8-bit integers, and the step of each row."""
    rows = rows.cpu()
    step = rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / 127
    return {f"{name}.coarse": (rows / step).round().to(torch.int8), f"{name}.step": step}


def _rows(scales: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the last layer to store finely and coarsely, by the size of coefficients."""
    order = scales.argsort(descending=True, stable=True)
    fine = len(order) // FINE_ROWS
    return order[:fine], order[fine:]


def _halved(name: str, tensor: Tensor) -> Tensor:
    return (tensor.half() if _large(name, tensor) else tensor).cpu()


def _large(name: str, tensor: Tensor) -> bool:
    return tensor.ndim >= 2 and tensor.numel() > LARGE and not name.startswith("dynamics")
