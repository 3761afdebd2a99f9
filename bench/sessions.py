"""What visitors cost a server: waiting for each other, threads and memory.

    python bench/sessions.py --sessions 50 --at-a-time 5 --first 10

Serves the app in a separate process, opens sessions by Bokeh's client, a few at a time, waits
until each shows its first cycle, closes it, and waits until the server has let it go. Within the
server a tick of 10 ms records the longest time for which the event loop did nothing else, which
is how long one visitor kept all others waiting. Memory is compared with that after the first
sessions, which load what all share. Exits with 1 if a session failed.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from bokeh.client import ClientSession
from serving import PATIENCE, served, visit, wait_until
from tornado.ioloop import PeriodicCallback
from tornado.web import RequestHandler

TICK = 10  # milliseconds
LINGER = 60.0
"""Seconds in which a server lets go of closed sessions: unused for 15, looked at every 17."""

# -- in the server ------------------------------------------------------------------------


class Monitor(RequestHandler):
    """Tells of the server, and starts to measure anew."""

    last = longest = used = most_used = 0.0
    ticking: PeriodicCallback | None = None

    @classmethod
    def _tick(cls) -> None:
        now = time.perf_counter()
        cls.longest, cls.last = max(cls.longest, now - cls.last), now
        used = time.thread_time()
        cls.most_used, cls.used = max(cls.most_used, used - cls.used), used

    def get(self) -> None:
        """Blocks since the last call, in seconds; threads, sessions and resident MB of now."""
        longest, threads = Monitor.longest, [t.name for t in threading.enumerate()]
        sessions = self.application.get_sessions("/app")
        if self.get_argument("collect", ""):
            gc.collect()
        if Monitor.ticking is None:
            Monitor.ticking = PeriodicCallback(Monitor._tick, TICK)
            Monitor.ticking.start()
        self.write(
            {
                "longest_block_s": longest,
                "most_used_s": Monitor.most_used,
                "threads": len([name for name in threads if name.startswith("ldensf-")]),
                "sessions": len(sessions),
                "memory_mb": psutil.Process().memory_info().rss / 2**20,
            }
        )
        Monitor.longest, Monitor.last = 0.0, time.perf_counter()
        Monitor.most_used, Monitor.used = 0.0, time.thread_time()


ROUTES = [("/monitor", Monitor)]
"""``panel serve --plugins`` asks for this."""


# -- at its doors -------------------------------------------------------------------------


def monitor(address: str, collect: bool = False) -> dict[str, Any]:
    """What the server says of itself."""
    query = "?collect=1" if collect else ""
    with urllib.request.urlopen(f"{address}/monitor{query}", timeout=PATIENCE) as reply:
        return json.load(reply)


def shows_a_cycle(session: ClientSession) -> bool:
    """Whether the number of a cycle stands somewhere on the page."""
    texts = (getattr(model, "text", "") for model in session.document.models)
    return any("counter" in text for text in texts if isinstance(text, str))


def first_cycle(address: str) -> float:
    """Open a session, wait for its first cycle, close it; gives the seconds it took."""
    start = time.perf_counter()
    with visit(address) as session:
        wait_until(session, lambda: shows_a_cycle(session), "first cycle")
        return time.perf_counter() - start


def visits(address: str, number: int, at_a_time: int) -> list[float | None]:
    """Seconds of each visit; None for one that failed."""

    def one(_: int) -> float | None:
        try:
            return first_cycle(address)
        except Exception as error:
            print(f"a session failed: {error!r}", file=sys.stderr)
            return None

    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(one, range(number)))


def settled(address: str) -> dict[str, Any]:
    """The server once it has let go of all sessions, or after a while."""
    end = time.monotonic() + LINGER
    while monitor(address)["sessions"] and time.monotonic() < end:
        time.sleep(1.0)
    time.sleep(1.0)
    return monitor(address, collect=True)


def main(
    sessions: Annotated[int, typer.Option(help="After the first ones.")] = 50,
    at_a_time: Annotated[int, typer.Option(help="How many are open together.")] = 5,
    first: Annotated[int, typer.Option(help="Sessions before memory is compared.")] = 10,
) -> None:
    """Print one line a round."""
    failed = 0
    with served("--plugins", "sessions") as address:
        before = settled(address)
        for number in (first, sessions):
            seconds = visits(address, number, at_a_time)
            during = monitor(address)
            after = settled(address)
            came = [s for s in seconds if s is not None]
            failed += number - len(came)
            took = f"{np.median(came):.1f} (at most {max(came):.1f})" if came else "–"
            threads, memory = ((before[k], after[k]) for k in ("threads", "memory_mb"))
            print(
                f"{number} sessions, {at_a_time} at a time: first cycle after {took} s, "
                f"longest block {during['longest_block_s']:.2f} s (longest work in one go "
                f"{during['most_used_s']:.2f} s), threads {threads[0]} → {threads[1]}, "
                f"memory {memory[0]:.0f} → {memory[1]:.0f} MB ({memory[1] - memory[0]:+.0f}), "
                f"{after['sessions']} still open, {number - len(came)} failed",
                flush=True,
            )
            before = after
    sys.exit(failed > 0)


if __name__ == "__main__":
    typer.run(main)
