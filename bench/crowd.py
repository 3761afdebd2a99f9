"""Visitors of the served page who play at once, by Bokeh's client, for ``page.py``."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from played import Click, step, widget
from serving import served, visit, wait_until
from sessions import monitor

from ldensf_app.settings import Settings
from ldensf_core import get_benchmark


@dataclass
class Seen:
    """What all visitors saw.

    Attributes:
        first_cycles: seconds.
        errors: one line each.
    """

    first_cycles: list[float] = field(default_factory=list)
    runs: int = 0
    cycles: int = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def visitor(address: str, number: int, until: float, seen: Seen) -> None:
    """Come, and play at the highest speed again and again until the time is up."""
    start, end = time.perf_counter(), get_benchmark(Settings().benchmark).n_times - 1
    try:
        with visit(address) as session:
            wait_until(session, lambda: step(session) == 0, "first cycle")
            with seen.lock:
                seen.first_cycles.append(time.perf_counter() - start)
            buttons = {label: Click(model=widget(session, label)) for label in ("Play", "Reset")}
            speed = widget(session, "Speed").data
            speed.value = len(speed.options) - 1
            while time.monotonic() < until:
                session.document.callbacks.send_event(buttons["Play"])
                wait_until(session, lambda: step(session) == end, "the end of a run")
                with seen.lock:
                    seen.runs, seen.cycles = seen.runs + 1, seen.cycles + end
                session.document.callbacks.send_event(buttons["Reset"])
                wait_until(session, lambda: step(session) == 0, "first cycle after a reset")
    except Exception as error:
        with seen.lock:
            seen.errors.append(f"visitor {number}: {error!r}")


def crowd(visitors: int, minutes: float) -> tuple[dict[str, Any], list[str]]:
    """What visitors who play at once saw of the default scene, and their errors."""
    seen = Seen()
    with served("--plugins", "sessions") as address:
        monitor(address)
        until = time.monotonic() + 60 * minutes
        people = [
            threading.Thread(target=visitor, args=(address, number, until, seen))
            for number in range(visitors)
        ]
        for person in people:
            person.start()
        for person in people:
            person.join()
        block = monitor(address)["longest_block_s"]
    first = seen.first_cycles
    summary = {
        "visitors": visitors,
        "minutes": minutes,
        "errors": len(seen.errors),
        "runs": seen.runs,
        "cycles": seen.cycles,
        "first_cycle_s": float(np.median(first)) if first else None,
        "longest_block_s": block,
    }
    return summary, seen.errors
