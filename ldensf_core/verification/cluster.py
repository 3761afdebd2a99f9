"""Runs on the processes of a Dask cluster, of this machine or behind a scheduler's address.

Dask takes a second to import: it is left to those who ask for a cluster.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

import torch

PATIENCE = 5
"""Seconds to wait for a scheduler."""


def on_cluster(
    run: Callable[..., Any],
    tasks: Sequence[dict[str, Any]],
    scheduler: str | None,
    workers: int | None,
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each task with its result, as they come; if a worker dies, another runs its task.

    Interrupted, it ends the processes that it started first.
    """
    import dask
    from dask.distributed import Client, KilledWorker, LocalCluster, as_completed

    stack = ExitStack()
    try:
        address: Any = scheduler
        if scheduler is None:
            # Memory given back at once, by default, has to be asked for at every step: that would
            # take a third of the time.
            stack.enter_context(
                dask.config.set(
                    {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
                )
            )
            with _uninterrupted():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,  # it would be an equal share, which one run may well exceed
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                address = stack.enter_context(cluster)
        else:
            _reach(scheduler)
        # Not the default, or xarray would ask this cluster for the lock of a file in memory.
        client = stack.enter_context(Client(address, timeout=PATIENCE, set_as_default=False))
        futures = {client.submit(_on_worker, run, task, pure=False): task for task in tasks}
        for future in as_completed(futures, loop=client.loop):
            yield futures.pop(future), future.result()
    except KilledWorker as error:
        raise ChildProcessError(
            "four workers died over the same run, maybe for want of memory: fewer workers need less"
        ) from error
    except CancelledError as error:
        raise ConnectionError("the scheduler is gone; what it finished is kept") from error
    finally:
        with _uninterrupted():
            stack.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C until the end, and keep it from the processes that are started meanwhile.

    A terminal interrupts all processes of a command. Those of a cluster are told by this one when
    to end; threads and processes inherit that the signal is blocked, as do those that come later
    in place of one that died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # which is the one that is interrupted
        return
    interrupted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        resource_tracker.ensure_running()  # by itself it would unblock the signal again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt


def _reach(scheduler: str) -> None:
    """Connect once: a client that cannot lingers, and complains when it is forgotten."""
    from dask.distributed import Security, connect

    async def greet() -> None:
        security = Security().get_connection_args("client")
        async with asyncio.timeout(PATIENCE + 1):  # what is no scheduler may accept, and be silent
            comm = await connect(scheduler, timeout=PATIENCE, **security)
            await comm.close()

    try:  # in a thread, since a notebook has a loop running in this one
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, greet()).result()
    except (OSError, ValueError, MemoryError) as error:  # the last for what speaks otherwise
        why = str(error) or "what is there does not answer like one"
        raise OSError(f"scheduler {scheduler!r} cannot be reached: {why}") from error


def _on_worker(run: Callable[..., Any], task: dict[str, Any]) -> Any:
    torch.set_num_threads(1)  # sums are the same whatever the number of cores
    return run(**task)
