"""CUDA graphs: record a function's kernels once, replay them in one launch.

The networks and solvers here are many small kernels whose launches cost more than their
arithmetic. Off the GPU the functions simply run.

What CUDA and torch do not allow, and is seen to here:

* Two recordings at once: one lock guards all of them in a process.
* To destroy a graph while another is recorded, since both change the list of graphs that a random
  generator keeps: graphs that nobody needs any more are put aside and destroyed under the lock.
  Those of a GPU that is lost stay there, since it cannot destroy them and ends the process.
* Two graphs at work at the same time in one workspace of cuBLAS, which torch keeps for each thread
  and stream: each graph gets a separate workspace, so that any thread may replay it.
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

    What the recorded function reads and writes has to be kept alive by whoever replays it.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.graph = device, torch.cuda.CUDAGraph()

    def __call__(self) -> None:
        """Do once more what was recorded, in the stream of this thread."""
        self.graph.replay()

    def __del__(self) -> None:
        _unneeded.append((self.device, self.graph))
        del self.graph
        _destroy_unneeded()


_lock = threading.Lock()
_unneeded: deque[tuple[torch.device, torch.cuda.CUDAGraph]] = deque()
_undead: list[Any] = []
"""Graphs of GPUs that are lost."""


def _destroy_unneeded() -> None:
    """Destroy what was put aside, unless a graph is being recorded: then it is done after that."""
    while _unneeded and _lock.acquire(blocking=False):
        try:
            _clear()
        finally:
            _lock.release()


def _clear() -> None:
    """Destroy what was put aside; the lock is held."""
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
    """A replay of ``function``, which reads and writes buffers on a GPU.

    It is called once on the way, and so changes its buffers.

    Args:
        generator: of its random numbers, where it is not the device's default. It is left as it
            was; a replay draws from it what the function itself would draw.
    """
    try:
        with _lock:
            try:
                return _recorded(function, device, generator)
            except torch.OutOfMemoryError:
                # The memory of destroyed graphs comes back in no other way.
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
            torch._C._cuda_clearCublasWorkspaces()  # lest the graph uses what others use, too
            try:
                # Relaxed: this thread may allocate meanwhile, and others are at work.
                graph.capture_begin(capture_error_mode="relaxed")
                function()
            except BaseException:
                with suppress(RuntimeError):
                    graph.capture_end()
                raise
            graph.capture_end()
            torch._C._cuda_clearCublasWorkspaces()  # or others would use what is the graph's
    finally:
        here.wait_stream(apart)
        if generator is not None:
            generator.set_state(drawn)
    return recording


def captured(
    function: Callable[..., Any], *inputs: Tensor, generator: torch.Generator | None = None
) -> Callable[..., Any]:
    """``function`` recorded for inputs shaped like ``inputs``; the same numbers, one launch.

    Results are static buffers: the next call overwrites them.

    Args:
        function: of tensors; gives a tensor or several. What else it reads has to be kept alive.
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
    """Like ``captured``, but a thread records each function and shape once and uses it again.

    For what takes long to record and is wanted by the next run, or by several filters. Results are
    copies, the caller's to keep.

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
    """Give back what this thread, torch and the C library keep of a device's memory for later.

    Of the CPU's, glibc keeps some megabytes for each thread that has ended.
    """
    if device.type != "cuda":
        with suppress(AttributeError, OSError):  # other C libraries do so by themselves
            ctypes.CDLL(None).malloc_trim(0)
        return
    _kept.calls.clear()
    with _lock, suppress(RuntimeError):  # a GPU that is lost has no memory to be given back
        _clear()
        torch.cuda.empty_cache()
