"""Pages of new sessions are built in a thread, so that those who are already there do not wait.

Bokeh builds a session's document in the server's event loop: for the second or two that this page
takes nobody's page would move. It waits, however, for the handlers that are told of a new session;
one of them builds the page meanwhile. One page at a time, since building is all Python: two at
once would only take each other's time, and more of the event loop's.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bokeh.application.handlers import Handler
from bokeh.document import Document
from panel.io.state import set_curdoc

from ldensf_app.dashboard import Dashboard

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
    """Put a dashboard on a document."""
    with set_curdoc(document):
        dashboard().servable()


def dashboard() -> Dashboard:
    """A dashboard on the device that ``ldensf app --device`` has put into the environment."""
    return Dashboard(device=os.environ.get("LDENSF_DEVICE", "auto"))
