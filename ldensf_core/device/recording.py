"""CUDA graphs: record a function's kernels once, replay them in one launch.

The networks and solvers here are many small kernels; launching them costs more than their
arithmetic. On the CPU the functions simply run.

This module prevents what CUDA and torch do not allow:

* Two recordings at once: one lock guards all of them in a process.
* Destroying a graph while another is recorded: both change the list of graphs of a random
  generator. Unused graphs are put aside and destroyed under the lock. Those of a lost GPU are
  never destroyed: trying to would end the process.
* Two graphs working at once in one cuBLAS workspace, which torch keeps for each thread and stream:
  each graph gets a separate workspace, so that any thread may replay it.
"""

from __future__ import annotations

import ctypes
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
    """A recorded graph; call it to replay it, from one thread at a time.

    The caller must keep alive all that the recorded function reads and writes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.graph = device, torch.cuda.CUDAGraph()

    def __call__(self) -> None:
        """Replay the graph in the stream of this thread."""
        self.graph.replay()

    def __del__(self) -> None:
        _unneeded.append((self.device, self.graph))
        del self.graph
        _destroy_unneeded()


_lock = threading.Lock()
_unneeded: deque[tuple[torch.device, torch.cuda.CUDAGraph]] = deque()
_undead: list[Any] = []
"""Graphs of lost GPUs."""


def _destroy_unneeded() -> None:
    """Destroy the graphs put aside; while a graph is being recorded, this is left for later."""
    while _unneeded and _lock.acquire(blocking=False):
        try:
            _clear()
        finally:
            _lock.release()


def _clear() -> None:
    """Destroy the graphs put aside; the caller holds the lock."""
    while _unneeded:
        device, graph = _unneeded.popleft()
        if device in lost:
            _undead.append(graph)
        del graph


def recorded(
    function: Callable[[], object],
    device: torch.device,
    generator: torch.Generator | None = None,
) -> Recording:
    """Record ``function``, which reads and writes buffers on a GPU; returns its replay.

    Recording calls it once, which changes its buffers.

    Args:
        generator: of its random numbers, if not the device's default. Recording leaves its state
            unchanged; a replay draws the same numbers as the function.
    """
    try:
        with _lock:
            try:
                return _recorded(function, device, generator)
            except torch.OutOfMemoryError:
                # Only this frees the memory of destroyed graphs.
                _clear()
                torch.cuda.empty_cache()
                return _recorded(function, device, generator)
    finally:
        _destroy_unneeded()


def _recorded(
    function: Callable[[], object], device: torch.device, generator: torch.Generator | None
) -> Recording:
    drawn = None if generator is None else generator.get_state()
    here, apart = torch.cuda.current_stream(device), recording_stream(device)
    apart.wait_stream(here)
    recording = Recording(device)
    graph = recording.graph
    try:
        with torch.cuda.stream(apart):
            function()  # libraries allocate and choose kernels on their first calls
            if generator is not None:
                graph.register_generator_state(generator)
            torch._C._cuda_clearCublasWorkspaces()  # the graph must not share it with others
            try:
                # Relaxed: this thread may allocate meanwhile, and other threads work.
                graph.capture_begin(capture_error_mode="relaxed")
                function()
            except BaseException:
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
            torch._C._cuda_clearCublasWorkspaces()  # others must not use the graph's
    finally:
        here.wait_stream(apart)
        if generator is not None:
            generator.set_state(drawn)
    return recording


def captured(
    function: Callable[..., Any], *inputs: Tensor, generator: torch.Generator | None = None
) -> Callable[..., Any]:
    """Record ``function`` for inputs shaped like ``inputs``: same results, one launch.

    Results are static buffers: the next call overwrites them.

    Args:
        function: of tensors; returns one or several. Keep alive what else it reads.
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
"""Number of recordings that each thread keeps."""


class _Kept(threading.local):
    def __init__(self) -> None:
        self.calls: OrderedDict[tuple, Callable[..., Tensor]] = OrderedDict()


_kept = _Kept()


def kept(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[..., Tensor]:
    """Like ``captured``, but a thread records each function and shape once and reuses it.

    For functions that take long to record and that the next run or several filters use. Results are
    copies.

    Args:
        function: of tensors only; returns one. Equal functions share a recording.
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
    """Free the memory of a device that this thread, torch and the C library keep for reuse.

    On the CPU, glibc keeps some megabytes for each thread that has ended.
    """
    if device.type != "cuda":
        with suppress(AttributeError, OSError):  # only glibc needs this
            ctypes.CDLL(None).malloc_trim(0)
        return
    _kept.calls.clear()
    with _lock, suppress(RuntimeError):  # a lost GPU raises
        _clear()
        torch.cuda.empty_cache()
