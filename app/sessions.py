"""Pages of new sessions are built in a thread, so that those who are already there do not wait.

Bokeh builds a session's document in the server's event loop: for the second or two that this page
takes nobody's page would move. It waits, however, for the handlers that are told of a new session;
one of them builds the page meanwhile. One page at a time, since building is all Python: two at
once would only take each other's time, and more of the event loop's.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import panel as pn
from bokeh.application.handlers import Handler
from bokeh.core.serialization import Serialized
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc

from ldensf_app.dashboard import Dashboard
from ldensf_app.link import SCENE

_one_thread = ThreadPoolExecutor(1, "ldensf-pages")


class PageBuilder(Handler):
    """Puts a dashboard on the document of every new session before ``main.py`` is run."""

    def modify_document(self, doc: Document) -> None:
        """Nothing: when Bokeh asks for the document's contents they are there."""

    async def on_session_created(self, session_context: Any) -> None:
        """Build the page; Bokeh goes on with the session when that is done."""
        # Nobody else has the document yet, hence no lock; its owner has no public name for it.
        document = session_context._document
        await asyncio.get_running_loop().run_in_executor(_one_thread, build, document)


def build(document: Document) -> None:
    """Put a dashboard on a document, and write it out for the browser that is to ask for it."""
    with set_curdoc(document):
        dashboard().servable()
    # As Panel does later, once the page has been written: the guide says what becomes of the
    # connection, not Bokeh.
    document.config.update(
        reconnect_session=pn.config.reconnect, notifications=None, notify_connection_status=False
    )
    write_ahead(document)


def write_ahead(document: Document) -> None:
    """Let a document be written for its first reader now, while nobody waits for this thread.

    Bokeh does so in its event loop when a browser asks: for each of several that come together a
    third of a second. If the document has changed by then it is written anew; the addresses of
    style sheets, which Panel changes in the meantime without saying so, are put in.

    Arrays are written as text: a browser that lost the connection and is back reads the document
    once more, and Bokeh's client then takes no binary parts, so that the page would stay as it was
    (Bokeh 3.9).
    """

    def write() -> Serialized:
        return Serialized(Document.to_json(document, deferred=False), [])

    written = [write()]
    sheets = {sheet.id: sheet for sheet in document.select({"type": ImportedStyleSheet})}
    addresses = [
        (sheets[at["id"]], at["attributes"])
        for at in _objects(written[0].content)
        if at["id"] in sheets
    ]

    def to_json() -> Serialized:
        for sheet, attributes in addresses:
            attributes["url"] = sheet.url
        return written.pop() if written else write()

    document.to_json = to_json
    document.on_change(lambda _: written.clear())


def _objects(json: Any) -> Iterator[dict[str, Any]]:
    """All models in a written document."""
    if isinstance(json, dict):
        if "attributes" in json:
            yield json
        json = list(json.values())
    if isinstance(json, list):
        for part in json:
            yield from _objects(part)


def dashboard() -> Dashboard:
    """A dashboard of the scene in the page's address, by default the first one.

    On the device that ``ldensf app --device`` has put into the environment; the page says if it
    is not there, and computes on the CPU.
    """
    try:
        made = Dashboard(device=os.environ.get("LDENSF_DEVICE", "auto"))
    except ValueError as error:
        made = Dashboard(device="cpu")
        made.page.say(f"{error}. This page computes on the CPU.")
    for text in pn.state.session_args.get(SCENE, ())[:1]:
        made.scenes.open_link(text.decode("ascii", errors="replace"))
    return made
