"""Pages are built beside the event loop."""

import asyncio
import gc
import json
import logging
import time
import weakref
from types import SimpleNamespace

import pytest
from bokeh.document import Document
from bokeh.models import Div, ImportedStyleSheet

from ldensf_app import Dashboard
from ldensf_app.sessions import PageBuilder, write_ahead

pytestmark = pytest.mark.alone


def plain(written):
    """Text of a written document, which holds its arrays as text too."""
    assert written.buffers == []
    return json.dumps(written.content)


def test_a_document_is_written_ahead_unless_it_changes(monkeypatch):
    document, written = Document(), []
    sheet = ImportedStyleSheet(url="far/away.css")
    document.add_root(Div(text="as it was built", stylesheets=[sheet]))
    to_json = Document.to_json
    monkeypatch.setattr(
        Document, "to_json", lambda self, **options: written.append(1) or to_json(self, **options)
    )
    write_ahead(document)
    document.hold()
    sheet.url = "near/by.css"  # as Panel does, which takes the event away
    document.callbacks._held_events = []
    document.callbacks._hold = None
    ahead = document.to_json()
    assert written == [1]
    assert plain(ahead) == json.dumps(to_json(document, deferred=False))
    assert plain(document.to_json()) == plain(ahead)
    assert written == [1, 1]  # only its first reader gets it

    write_ahead(document)
    document.roots[0].text = "changed"
    assert "changed" in str(document.to_json())


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
        told = [r.message for r in caplog.records if r.name.startswith("bokeh")]
        assert not [text for text in told if "EMPTY_LAYOUT" not in text]  # as the server has it
    finally:
        for dashboard in [o for o in gc.get_objects() if type(o) is Dashboard]:
            dashboard.end()
