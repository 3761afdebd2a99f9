"""Workers, races and dashboards for a test, which end with it; and to wait for what they do."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from ldensf_app import Dashboard
from ldensf_app.settings import Settings
from ldensf_app.setup import Setup
from ldensf_app.worker import Worker
from tests.app.running import join, racing


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch):
    """What is computed ahead for a visitor would only take time from the tests."""
    monkeypatch.setattr("ldensf_app.dashboard.warm_up", lambda seed, device: None)


@pytest.fixture
def setup() -> Setup:
    """A small experiment: two members of the full-space filter need no weights."""
    return Settings(filters=["ensf"], full_space_members=2, sensors=16).setup()


@pytest.fixture
def worker():
    worker = Worker("full space")
    yield worker
    worker.close()
    worker.join(timeout=30)
    assert not worker.is_alive()


@pytest.fixture
def race():
    """A race without a run yet."""
    with racing() as race:
        yield race


@pytest.fixture
def started(wait):
    """Makes dashboards, each at its first cycle."""
    made: list[Dashboard] = []

    def start(**settings: Any) -> Dashboard:
        dashboard = Dashboard(**settings)
        made.append(dashboard)
        wait(lambda: dashboard.race.view().lead.index == 0)
        dashboard.pull()
        return dashboard

    yield start
    for dashboard in made:
        dashboard.close()
        join(dashboard.race)


@pytest.fixture
def run_to(wait):
    """Steps a dashboard to a cycle and shows it."""

    def run_to(dashboard: Dashboard, last: int) -> None:
        wait(lambda: dashboard.race.view().lead.index >= 0)
        for index in range(dashboard.race.view().lead.index + 1, last + 1):
            dashboard.step()
            wait(lambda index=index: dashboard.race.view().lead.index == index)
        dashboard.pull()

    return run_to


@pytest.fixture
def wait():
    """Wait until a condition holds, or fail."""

    def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about in time"
            time.sleep(0.01)

    return until
