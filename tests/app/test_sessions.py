"""Pages are built beside the event loop."""

import asyncio
import gc
import logging
import time
import weakref
from types import SimpleNamespace

import pytest
from bokeh.document import Document

from ldensf_app import Dashboard
from ldensf_app.sessions import PageBuilder

pytestmark = pytest.mark.alone


class Context:
    """What Bokeh tells a handler of a new session."""

    id, server_context, token_payload = "a session", None, {}
    request = SimpleNamespace(arguments={}, path="/app", headers={}, cookies={})

    def __init__(self):
        self._document = Document()
        self._document._session_context = weakref.ref(self)


def test_the_event_loop_goes_on_while_a_page_is_built(caplog):
    context = Context()
    longest = 0.0

    async def watch():
        nonlocal longest
        task = asyncio.create_task(PageBuilder().on_session_created(context))
        last = time.perf_counter()
        while not task.done():
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        await task

    start = time.perf_counter()
    asyncio.run(watch())
    try:
        assert context._document.roots
        assert longest < 0.5 * (time.perf_counter() - start)
        with caplog.at_level(logging.WARNING):
            context._document.validate()  # which the server leaves out
        assert not [r.message for r in caplog.records if r.name.startswith("bokeh")]
    finally:
        for dashboard in [o for o in gc.get_objects() if type(o) is Dashboard]:
            dashboard.end()
