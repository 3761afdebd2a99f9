"""Runs on a Dask cluster, on this machine or at a scheduler's address.

Dask takes a second to import: it is imported only when a cluster is used.
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
    """Yield each task with its result when done; if a worker dies, another runs its task.

    An interruption ends the processes that it started.
    """
    import dask
    from dask.distributed import Client, KilledWorker, LocalCluster, as_completed

    stack = ExitStack()
    try:
        address: Any = scheduler
        if scheduler is None:
            # By default Dask makes workers free memory at once and request it again at every
            # step: that would take a third of the time.
            stack.enter_context(
                dask.config.set(
                    {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
                )
            )
            with _uninterrupted():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,  # the default, an equal share, may not suffice for one run
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                address = stack.enter_context(cluster)
        else:
            _reach(scheduler)
        # Not the default client: xarray would ask this cluster for the lock of a file in memory.
        client = stack.enter_context(Client(address, timeout=PATIENCE, set_as_default=False))
        futures = {client.submit(_on_worker, run, task, pure=False): task for task in tasks}
        for future in as_completed(futures, loop=client.loop):
            yield futures.pop(future), future.result()
    except KilledWorker as error:
        raise ChildProcessError(
            "four workers died on the same run, perhaps out of memory: use fewer workers"
        ) from error
    except CancelledError as error:
        raise ConnectionError("the scheduler is gone; what it finished is kept") from error
    finally:
        with _uninterrupted():
            stack.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the end, and shield processes started meanwhile from it.

    A terminal interrupts all processes of a command, but those of a cluster are to be ended by
    this process. Threads and processes inherit the blocked signal, also later replacements of
    those that died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # receives the delayed signal
        return
    interrupted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        resource_tracker.ensure_running()  # started later, it would unblock the signal
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
    """Test the connection first: a client that cannot connect lingers and prints errors."""
    from dask.distributed import Security, connect

    async def greet() -> None:
        security = Security().get_connection_args("client")
        async with asyncio.timeout(PATIENCE + 1):  # other servers may accept and stay silent
            comm = await connect(scheduler, timeout=PATIENCE, **security)
            await comm.close()

    try:  # in a thread, because a notebook runs an event loop in this one
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, greet()).result()
    except (OSError, ValueError, MemoryError) as error:  # MemoryError: another protocol
        why = str(error) or "no scheduler answers there"
        raise OSError(f"scheduler {scheduler!r} cannot be reached: {why}") from error


def _on_worker(run: Callable[..., Any], task: dict[str, Any]) -> Any:
    torch.set_num_threads(1)  # the same sums on any number of cores
    return run(**task)
