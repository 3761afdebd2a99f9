"""The app served in a separate process, and what scripts do there by Bokeh's client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import panel_material_ui  # noqa: F401 - names the models that the client is sent
from bokeh.client import ClientSession, pull_session
from bokeh.events import DocumentReady

import ldensf_app  # noqa: F401 - and so do the components of the page

ROOT = Path(__file__).parents[1]
PATIENCE = 120.0  # seconds


@contextmanager
def served(*arguments: str, what: str = "app", **environment: str) -> Iterator[str]:
    """The app as ``panel serve`` has it, with more ``arguments``; gives its address.

    Args:
        what: the folder or the script that is served, from the root of the repository.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "panel", "serve", what, "--port", str(port)]
    command += ["--allow-websocket-origin", f"127.0.0.1:{port}", *arguments]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path} | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(server, address)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            log.seek(0)
            sys.stderr.write("".join(line for line in log if "ERROR" in line or "Error" in line))


def _wait_for(server: subprocess.Popen, address: str) -> None:
    end = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/favicon.ico", timeout=PATIENCE):
                return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError("the app was not served")


@contextmanager
def visit(address: str) -> Iterator[ClientSession]:
    """A session, as if a browser had just built its page."""
    session = pull_session(url=f"{address}/app")
    try:
        session.document.callbacks.send_event(DocumentReady())
        yield session
    finally:
        session.close()


def wait_until(session: ClientSession, condition: Callable[[], bool], what: str) -> None:
    """Take in what the server sends until a condition holds.

    Raises:
        TimeoutError: if it does not come about, or the connection is lost.
    """
    connection = session._connection  # its public methods drop what the server sends
    late = connection.io_loop.call_later(PATIENCE, session.close)
    connection._loop_until(lambda: condition() or not session.connected)
    connection.io_loop.remove_timeout(late)
    if not condition():
        raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
