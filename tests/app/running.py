"""Races and dashboards that end with the test: their threads are waited for."""

from collections.abc import Iterator
from contextlib import contextmanager

from ldensf_app.race import Race


@contextmanager
def racing() -> Iterator[Race]:
    """A race that ends afterwards."""
    race = Race()
    try:
        yield race
    finally:
        race.close()
        join(race)


def join(race: Race) -> None:
    """Wait until the threads of a race that was closed have ended."""
    for worker in race.workers:
        worker.join(timeout=60)
        assert not worker.is_alive()
