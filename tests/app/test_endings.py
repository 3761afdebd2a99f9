"""A dashboard that nobody can see ends by itself: its threads are counted."""

import gc
import socket
import threading
import time

import panel as pn
import pytest
from bokeh.client import pull_session
from jupyter_client.manager import start_new_kernel

from ldensf_app import Dashboard, dashboard, stay

SMALL = {"filters": ["ensf"], "full_space_members": 2, "sensors": 16}


def threads():
    return [t for t in threading.enumerate() if t.name in ("ldensf-latent", "ldensf-full-space")]


def living():
    return [o for o in gc.get_objects() if type(o) is Dashboard]


@pytest.fixture(autouse=True)
def none_before():
    gc.collect()
    end = time.monotonic() + 30
    while threads() and time.monotonic() < end:
        time.sleep(0.05)
    assert not threads()


def test_one_that_is_forgotten_before_it_was_displayed(wait):
    forgotten = Dashboard(**SMALL)
    assert len(threads()) == 2
    del forgotten
    gc.collect()
    wait(lambda: not threads())


def page():
    Dashboard(**SMALL).servable()


@pytest.mark.parametrize("app", [Dashboard, lambda: Dashboard(**SMALL), page])
def test_one_that_is_served_by_itself(app, wait):
    others = set(map(id, living()))  # which other tests hold
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = pn.serve(
        {"app": app},
        port=port,
        show=False,
        threaded=True,
        check_unused_sessions_milliseconds=100,
        unused_session_lifetime_milliseconds=100,
    )
    try:
        for _ in range(3):
            for attempt in range(100):
                try:
                    session = pull_session(url=f"http://127.0.0.1:{port}/app")
                    break
                except OSError:  # the server has yet to start
                    assert attempt < 99
                    time.sleep(0.1)
            wait(lambda: len(threads()) == 2)
            session.close()
            wait(lambda: not threads())
        wait(lambda: gc.collect() >= 0 and not {*map(id, living())} - others)  # nothing holds it
    finally:
        server.stop()


CELL = "Dashboard(filters=['ensf'], full_space_members=2, sensors=16)"
COUNT = (
    "import time\n"
    "def count(expected):\n"
    "    end = time.monotonic() + 30\n"
    "    names = ('ldensf-latent', 'ldensf-full-space')\n"
    "    while True:\n"
    "        number = sum(t.name in names for t in threading.enumerate())\n"
    "        if number == expected or time.monotonic() > end:\n"
    "            return number\n"
    "        time.sleep(0.05)\n"
)


class Notebook:
    """Runs cells in a kernel as JupyterLab does."""

    def __init__(self, client):
        self.client = client

    def run(self, cell, code):
        """The text that a cell shows."""
        shown = []
        message = self.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "allow_stdin": False},
            metadata={"cellId": cell},
        )
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.get_iopub_msg(timeout=90)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = reply["content"]
            assert reply["msg_type"] != "error", "\n".join(content["traceback"])
            if reply["msg_type"] == "execute_result":
                shown.append(content["data"]["text/plain"])
            if content.get("execution_state") == "idle":
                break
        self.client.get_shell_msg(timeout=30)
        return shown[0] if shown else ""


@pytest.fixture(scope="module")
def notebook():
    manager, client = start_new_kernel()
    try:
        notebook = Notebook(client)
        start = "import threading, panel as pn\nfrom ldensf_app import Dashboard, cells\n"
        notebook.run("start", f"{start}pn.extension()\n{COUNT}")
        yield notebook
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_one_whose_cell_is_run_again(notebook):
    for _ in range(4):
        notebook.run("a cell", CELL)
    assert notebook.run("count", "count(2)") == "2"
    notebook.run("another cell", CELL)
    assert notebook.run("count", "count(4)") == "4"
    notebook.run("another cell", f"first, second = {CELL}, {CELL}\ndisplay(first, second)")
    assert notebook.run("count", "count(6)") == "6"
    notebook.run("a cell", "first")  # moves here, and so survives what comes to where it was
    notebook.run("another cell", "second")
    assert notebook.run("count", "count(4)") == "4"
    # What JupyterLab sends when an output is cleared.
    delete = "pn.extension._process_comm_msg({'event_type': 'delete', 'id': %s})"
    output = "next(k for k, v in cells._outputs.items() if v is second)"
    notebook.run("delete", delete % output)
    assert notebook.run("count", "count(2)") == "2"
    assert notebook.run("ended", "first.ended, second.ended") == "(False, True)"
    notebook.run("a last cell", "second")  # starts anew
    assert notebook.run("count", "count(4)") == "4"


def test_one_that_no_browser_shows_and_that_one_shows_again(wait, monkeypatch):
    monkeypatch.setattr(stay, "UNSEEN", 3.5 * dashboard.PULL_PERIOD / 1000)
    pn.extension()
    unseen = Dashboard(**SMALL)
    unseen.pull()
    unseen.pull()
    assert not unseen.ended  # nor does it while it was not displayed
    view = unseen.__panel__()
    (pulse,) = view.select(stay.Pulse)
    for _ in range(10):
        pulse.beats += 1
        unseen.pull()
    assert not unseen.ended
    for _ in range(4):
        unseen.pull()
    assert unseen.ended
    wait(lambda: not threads())
    pulse.beats += 1
    assert not unseen.ended and len(threads()) == 2
    wait(lambda: unseen.race.view().lead.index == 0)
    unseen.close()
    assert "was closed" in unseen.page.said.object
    pulse.beats += 1
    assert unseen.ended
    assert unseen.__panel__() is view and not unseen.ended
    unseen.close()
