"""What ``panel serve app`` does once, before the first browser comes."""

import gc
import sys

import panel as pn
from bokeh.server.contexts import ServerContext
from bokeh.settings import settings

from ldensf_app.sessions import PageBuilder


def on_server_loaded(server_context: ServerContext) -> None:
    """Let pages be built beside the event loop, and browsers connect again that were cut off."""
    pn.config.reconnect = True
    server_context.application_context.application.add(PageBuilder())
    # Looks through all models of every new page for mistakes in programming: 0.2 s of the event
    # loop. A test does so instead.
    settings.perform_document_validation = False
    # What was imported is never garbage: to look through it takes Python's collector half a second,
    # in the event loop as elsewhere.
    gc.collect()
    gc.freeze()
    # The event loop asks for Python's lock many times a page, and waits each time until the threads
    # before it have had their turns: 1 ms each instead of 5.
    sys.setswitchinterval(1e-3)
