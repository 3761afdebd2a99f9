"""Small experiments for the workers: two members of the full-space filter need no weights."""

import time
from collections.abc import Callable

import pytest

from ldensf_app.settings import Settings
from ldensf_app.setup import Setup
from ldensf_app.worker import Worker


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch):
    """What is computed ahead for a visitor would only take time from the tests."""
    monkeypatch.setattr("ldensf_app.dashboard.warm_up", lambda seed, device: None)


@pytest.fixture
def setup() -> Setup:
    return Settings(filters=["ensf"], full_space_members=2, sensors=16).setup()


@pytest.fixture
def worker():
    worker = Worker("full space")
    yield worker
    worker.close()
    worker.join(timeout=30)
    assert not worker.is_alive()


@pytest.fixture
def wait():
    """Wait until a condition holds, or fail."""

    def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about in time"
            time.sleep(0.01)

    return until
