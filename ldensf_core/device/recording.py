"""CUDA graphs: record a function's kernels once, replay them in one launch.

The networks and solvers here are many small kernels whose launches cost more than their
arithmetic. Off the GPU the functions simply run.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def recorded(
    function: Callable[[], None], generator: torch.Generator | None = None
) -> Callable[[], None]:
    """A replay of ``function``, which reads and writes buffers of its own on the present GPU.

    It is called a few times on the way, and so changes its buffers.

    Args:
        generator: of its random numbers, where it is not the device's default. It is left as it
            was; a replay draws from it what the function itself would draw.
    """
    drawn = None if generator is None else generator.get_state()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries allocate and choose kernels on their first calls
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    if generator is not None:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may be at work
        function()
    if generator is not None:
        generator.set_state(drawn)
    return graph.replay


def captured(
    function: Callable[..., Tensor], *inputs: Tensor, generator: torch.Generator | None = None
) -> Callable[..., Tensor]:
    """``function`` recorded for inputs shaped like ``inputs``; the same numbers, one launch.

    The result is a static buffer: the next call overwrites it.

    Args:
        inputs: tensors on one device. On the CPU the function is returned as it is.
        generator: see ``recorded``.
    """
    if not inputs[0].is_cuda:
        return function
    static = [x.clone() for x in inputs]
    results: list[Tensor] = []

    def run() -> None:
        results[:] = [function(*static)]

    replay = recorded(run, generator)

    def call(*new: Tensor) -> Tensor:
        for buffer, x in zip(static, new, strict=True):
            buffer.copy_(x)
        replay()
        return results[0]

    return call
