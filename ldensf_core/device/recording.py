"""CUDA graphs: record a function's kernels once, replay them in one launch.

The networks and solvers here are many small kernels whose launches cost more than their
arithmetic. Off the GPU the functions simply run.

What CUDA and torch do not allow, and is seen to here:

* Two recordings at once: one lock guards all of them in a process.
* To destroy a graph while another is recorded, since both change the list of graphs that a random
  generator keeps: graphs that nobody needs any more are put aside and destroyed under the lock.
  Those of a GPU that is lost stay there, since it cannot destroy them and ends the process.
* Two graphs at work at the same time in one workspace of cuBLAS, which torch keeps for each thread
  and stream: every graph gets a workspace of its own, so that any thread may replay it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from ldensf_core.device.choice import lost
from ldensf_core.device.streams import recording_stream


class Recording:
    """A recorded graph; call it to replay it, from one thread at a time."""

    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        self._graph = graph

    def __call__(self) -> None:
        """Do once more what was recorded, in the stream of this thread."""
        self._graph.replay()

    def __del__(self) -> None:
        _unneeded.append(self._graph)
        del self._graph
        _destroy_unneeded()


_lock = threading.Lock()
_unneeded: deque[torch.cuda.CUDAGraph] = deque()


def _destroy_unneeded() -> None:
    """Destroy what was put aside, unless a graph is being recorded: then it is done after that."""
    while _unneeded and not lost and _lock.acquire(blocking=False):
        try:
            _unneeded.clear()
        finally:
            _lock.release()


def recorded(
    function: Callable[[], object],
    device: torch.device,
    generator: torch.Generator | None = None,
) -> Recording:
    """A replay of ``function``, which reads and writes buffers of its own on a GPU.

    It is called once on the way, and so changes its buffers.

    Args:
        generator: of its random numbers, where it is not the device's default. It is left as it
            was; a replay draws from it what the function itself would draw.
    """
    with _lock:
        graph = _recorded(function, device, generator)
    _destroy_unneeded()
    return Recording(graph)


def _recorded(
    function: Callable[[], object], device: torch.device, generator: torch.Generator | None
) -> torch.cuda.CUDAGraph:
    drawn = None if generator is None else generator.get_state()
    here, apart = torch.cuda.current_stream(device), recording_stream(device)
    apart.wait_stream(here)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(apart):
        function()  # libraries allocate and choose kernels on their first calls
        if generator is not None:
            graph.register_generator_state(generator)
        torch._C._cuda_clearCublasWorkspaces()  # lest the graph uses what others use, too
        # Relaxed: this thread may allocate meanwhile, and others are at work.
        graph.capture_begin(capture_error_mode="relaxed")
        try:
            function()
        except BaseException:
            with suppress(RuntimeError):
                graph.capture_end()
            raise
        graph.capture_end()
        torch._C._cuda_clearCublasWorkspaces()  # or others would use what is the graph's
    here.wait_stream(apart)
    if generator is not None:
        generator.set_state(drawn)
    return graph


def captured(
    function: Callable[..., Any], *inputs: Tensor, generator: torch.Generator | None = None
) -> Callable[..., Any]:
    """``function`` recorded for inputs shaped like ``inputs``; the same numbers, one launch.

    Results are static buffers: the next call overwrites them.

    Args:
        function: of tensors; gives a tensor or several.
        inputs: tensors on one device. On the CPU the function is returned as it is.
        generator: see ``recorded``.
    """
    if not inputs[0].is_cuda:
        return function
    static = [x.clone() for x in inputs]
    results: list[Any] = []

    def run() -> None:
        results[:] = [function(*static)]

    replay = recorded(run, inputs[0].device, generator)

    def call(*new: Tensor) -> Any:
        for buffer, x in zip(static, new, strict=True):
            buffer.copy_(x)
        replay()
        return results[0]

    return call


KEPT = 6
"""Recordings that each thread keeps."""


class _Kept(threading.local):
    def __init__(self) -> None:
        self.calls: OrderedDict[tuple, Callable[..., Tensor]] = OrderedDict()


_kept = _Kept()


def kept(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[..., Tensor]:
    """``captured``, recorded but once in a thread for the same function and shapes.

    What takes long to record and is wanted again by the next run, or by several filters. Results
    are the caller's to keep.

    Args:
        function: of tensors alone; gives one. Functions count as the same if they are equal.
    """
    if not inputs[0].is_cuda:
        return function
    key = function, *((x.device, x.dtype, x.shape) for x in inputs)
    if key not in _kept.calls:
        _kept.calls[key] = captured(function, *inputs)
    _kept.calls.move_to_end(key)
    if len(_kept.calls) > KEPT:
        _kept.calls.popitem(last=False)
    call = _kept.calls[key]
    return lambda *new: call(*new).clone()


def release_memory(device: torch.device) -> None:
    """Give back to a GPU what this thread and torch keep of its memory for later."""
    if device.type != "cuda":
        return
    _kept.calls.clear()
    with _lock, suppress(RuntimeError):  # a GPU that is lost has no memory to be given back
        torch.cuda.empty_cache()
