"""One thread that owns one experiment.

It takes commands from a queue and publishes immutable snapshots; nobody else touches the
experiment, and the thread never touches the page. Whatever goes wrong in a command becomes a
snapshot with a message, which keeps the run so far, and the thread lives on to take the next
command. A change that cannot be made becomes a notice, and the run goes on without it.
"""

from __future__ import annotations

import atexit
import errno
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch

from ldensf_app.setup import Setup
from ldensf_app.snapshot import Snapshot, after, frozen
from ldensf_app.timeline import Timeline
from ldensf_app.turns import in_turns
from ldensf_core import CheckpointError
from ldensf_core.device import device_name, is_lost, own_stream, release_memory
from ldensf_core.twin.conditions import Change

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
TOLD = 0.05
"""Share of a spin-up after which the page hears of it once more."""
TOO_LATE = "The run is at its last cycle and cannot change any more: press Reset."


class Worker(threading.Thread):
    """Runs the filters of one kind, of whatever setup it is reset to.

    Commands return at once; their effect shows in ``snapshot``. A setup which has no filter of
    that kind leaves it idle.

    Args:
        kind: ``latent`` or ``full space``.
        first: whether its work goes before that of others, on a GPU and on CPU cores.
    """

    def __init__(self, kind: str, first: bool = False) -> None:
        super().__init__(name=f"ldensf-{kind.replace(' ', '-')}", daemon=True)
        self.kind, self.first = kind, first
        self._device, self._stream = CPU, ExitStack()
        self.snapshot = Snapshot()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._resets = itertools.count(1)
        self._latest_reset = 0
        self._experiment: Any = None
        self._cycles: Any = iter(())
        self._timeline = Timeline()
        self._heeded = 0  # changes of the timeline
        self._ahead = 0  # snapshots of the truth that are there
        self._playing = self._closed = False
        self._period, self._due = 0.25, 0.0  # seconds
        # An interpreter that ends while a thread is inside torch aborts: end the thread first.
        atexit.register(self._end)
        self.start()

    # -- commands, from any thread --------------------------------------------------------

    def reset(self, setup: Setup, timeline: Timeline | None = None, run: int = 0) -> None:
        """Drop the experiment, make the one of ``setup`` and show its first cycle, paused.

        Args:
            timeline: of the changes to come, shared by all workers of a run; by default of none.
            run: its number, see ``Snapshot``.
        """
        self._latest_reset = number = next(self._resets)
        self._commands.put(lambda: self._build(setup, timeline or Timeline(), number, run))

    def heed(self) -> None:
        """Tell of what has come onto the timeline now, and not only when the next cycle begins."""
        self._commands.put(lambda: self._take_up(self._timeline.changes))

    def play(self) -> None:
        """Run on, cycle by cycle, to the end."""
        self._commands.put(lambda: self._set_playing(True))

    def pause(self) -> None:
        """Stop after the present cycle."""
        self._commands.put(lambda: self._set_playing(False))

    def step(self) -> None:
        """Run one cycle, then pause."""
        self._commands.put(self._single_step)

    def set_speed(self, cycles_per_second: float) -> None:
        """Pace of ``play``; infinity for as fast as it goes."""
        self._commands.put(lambda: setattr(self, "_period", 1.0 / cycles_per_second))

    def close(self) -> None:
        """End the thread and let go of the experiment, after the present cycle."""
        self._closed = True
        self._commands.put(lambda: None)  # wakes the thread

    def _end(self) -> None:
        self.close()
        self.join(timeout=10.0)

    # -- the thread -----------------------------------------------------------------------

    def run(self) -> None:
        """Obey commands; between them, if playing, advance when the next cycle is due."""
        # Two workers and the page share the cores. A thread pool that waits for a core which
        # the other worker holds is many times slower than one thread.
        torch.set_num_threads(1)
        while not self._closed:
            try:
                self._next_action()()
                continue
            except Exception as error:
                log.exception("%s: %s", self.name, error)
                message = self._told(error)  # and see whether the GPU is lost
                self._let_go()
                self._publish(phase="failed", message=message)
            release_memory(self._device)  # once the error holds nothing any more
        self._let_go()
        self._work_on(CPU)
        release_memory(CPU)
        self.snapshot = Snapshot(version=self.snapshot.version + 1)
        atexit.unregister(self._end)

    def _told(self, error: Exception) -> str:
        """What went wrong, and what can be done now that the run cannot go on."""
        message = explain(error, self._device)
        if "Reset" not in message:
            message = f"{message.rstrip('.')}. To try again, press Reset."
        if self.snapshot.records:
            message += " The cycles before can still be taken away."
        return message

    def _next_action(self) -> Callable[[], None]:
        if self._playing:
            wait, action = max(0.0, self._due - time.monotonic()), self._advance
        else:
            wait, action = 0.0 if self._can_look_ahead else None, self._look_ahead
        try:
            return self._commands.get(timeout=wait)
        except queue.Empty:
            return action

    @property
    def _can_look_ahead(self) -> bool:
        return self.first and self._experiment is not None and self._ahead < len(self._experiment)

    def _look_ahead(self) -> None:
        """Compute the truth's next snapshot while nothing is asked for, so that play is smooth."""
        self._experiment.truth_at(self._ahead)
        self._ahead += 1

    def _build(self, setup: Setup, timeline: Timeline, number: int, run: int) -> None:
        if number != self._latest_reset:
            return
        self._let_go()
        self._timeline, self._heeded = timeline, 0
        self.snapshot = Snapshot(self.snapshot.version + 1, run, phase="loading", setup=setup)
        kinds = {of.kind for of in setup.classes.values()}
        if kinds and self.kind not in kinds:
            self._work_on(CPU)
            self._publish(phase="idle")
            return
        self._work_on(torch.device(setup.device))
        experiment = setup.experiment(self.kind)
        began = time.monotonic()
        for share in self._in_turns(experiment.spin_up()):
            if number != self._latest_reset or self._closed:
                return
            if share >= self.snapshot.spun_up + TOLD:
                self._publish(spun_up=share, spin_up_s=time.monotonic() - began)
        self.snapshot = replace(
            self.snapshot,
            device=device_name(experiment.device),
            settings=MappingProxyType(experiment.settings),
            true_parameters=frozen(experiment.true_parameters),
        )
        self._experiment, self._ahead = experiment, 0
        self._take_up(timeline.enter(0))  # before the filters start, with their first members
        self._cycles = self._in_turns(iter(experiment))
        self._advance()

    def _in_turns(self, steps: Iterator[Any]) -> Iterator[Any]:
        return in_turns(steps, self.first, self._device)

    def _let_go(self) -> None:
        self._playing, self._experiment, self._cycles = False, None, iter(())

    def _work_on(self, device: torch.device) -> None:
        """Give the thread a stream of a GPU to itself, kept until it is sent to another device."""
        if device != self._device:
            with suppress(RuntimeError):  # a stream of a GPU that is lost cannot be left
                self._stream.close()
            release_memory(self._device)
            self._device = CPU
            self._stream.enter_context(own_stream(device, self.first))
            self._device = device

    def _advance(self) -> None:
        self._due = time.monotonic() + self._period
        if self._experiment is None:
            return
        self._take_up(self._timeline.enter(self.snapshot.index + 1))
        cycle = next(self._cycles)
        last = cycle.index == len(self._experiment) - 1
        self._playing = self._playing and not last
        self._publish(
            phase="finished" if last else "playing" if self._playing else "paused",
            **after(self.snapshot, self._experiment, cycle),
        )
        if last:
            self._let_go()

    def _take_up(self, changes: Sequence[Change]) -> None:
        """Make those changes that are new, and tell which cannot be made."""
        new, self._heeded = changes[self._heeded :], len(changes)
        if not new or (self._experiment is None and self.snapshot.phase != "finished"):
            return
        made, notice = [], ""
        for index, change in new:
            if self._experiment is None or index >= len(self._experiment):
                notice = TOO_LATE
                continue
            try:
                self._experiment.change(index, **change)
                made.append((index, change))
            except ValueError as error:
                notice = explain(error)
        if made:
            self.snapshot = replace(
                self.snapshot, settings=MappingProxyType(self._experiment.settings)
            )
        self._publish(changes=(*self.snapshot.changes, *made), notice=notice)

    def _single_step(self) -> None:
        self._playing = False
        if self.snapshot.notice:
            self._publish(notice="")
        self._advance()

    def _set_playing(self, playing: bool) -> None:
        if self.snapshot.phase not in ("paused", "playing"):
            return
        self._playing, self._due = playing, time.monotonic()
        self._publish(phase="playing" if playing else "paused", notice="")

    def _publish(self, **changes: Any) -> None:
        self.snapshot = replace(self.snapshot, version=self.snapshot.version + 1, **changes)


def explain(error: Exception, device: torch.device = CPU) -> str:
    """What went wrong and what to do about it, in one or two sentences."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError) or "not enough memory" in text or "out of memory" in text:
        return "Too little memory for this ensemble: choose fewer members, then press Reset."
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"{text}: make room on the server's disk, then try again."
    if is_lost(device):
        log.critical("%s is lost to this process: restart it, or serve with --device cpu", device)
        return (
            f"The GPU has failed ({text.splitlines()[0]}) and this server cannot use it any more. "
            "Choose the CPU under Device and press Reset, or restart the server."
        )
    if isinstance(error, ValueError | CheckpointError | OSError):
        return text
    return f"{type(error).__name__}: {text}. Press Reset to start again."
