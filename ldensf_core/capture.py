"""CUDA graphs: record a function's kernels once, replay them in one launch.

The networks and solvers here are many small kernels whose launches cost more than their
arithmetic. Off the GPU the function simply runs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def captured(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[..., Tensor]:
    """``function`` recorded for inputs shaped like ``inputs``; the same numbers, one launch.

    The result is a static buffer: the next call overwrites it. Random numbers come from the
    device's default generator and differ between calls, as they would without a graph.

    Args:
        inputs: tensors on one device. On the CPU the function is returned as it is.
    """
    if not inputs[0].is_cuda:
        return function
    static = [x.clone() for x in inputs]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries allocate and choose kernels on their first calls
            function(*static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may be at work
        result = function(*static)

    def replay(*new: Tensor) -> Tensor:
        for buffer, x in zip(static, new, strict=True):
            buffer.copy_(x)
        graph.replay()
        return result

    return replay
