"""The page when it loses its server, and when it finds it again, or another one."""

import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from playwright.sync_api import expect

from tests.ui.acts import PATIENCE, advance, press, reach, shown, slide, status, step
from tests.ui.conftest import ROOT, wait_for

pytestmark = pytest.mark.alone


class Line:
    """A wire between browser and server that can be cut and mended."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, 0
        self._ends: set[socket.socket] = set()
        self.mend()

    def mend(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._listener.listen()
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # cut
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # no server there
                    near.close()
                    continue
                self._ends |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    @staticmethod
    def _carry(start: socket.socket, end: socket.socket) -> None:
        with suppress(OSError):
            while data := start.recv(65536):
                end.sendall(data)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Served:
    """The app as `ldensf app` serves it, behind a line."""

    def __init__(self, log) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._log, self.line = log, Line(self._port)
        self.address = f"http://127.0.0.1:{self.line.port}/app"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", "from ldensf_core.cli import main; main()", "app"]
        command += ["--port", str(self._port)]
        command += ["--allow-websocket-origin", f"127.0.0.1:{self.line.port}"]
        with self._log.open("a") as output:
            self._server = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )
        wait_for(f"http://127.0.0.1:{self._port}/favicon.ico", self._server, self._log)

    def end(self) -> None:
        self._server.send_signal(signal.SIGTERM)
        self._server.wait(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("server") / "log.txt")
    yield served
    served.end()
    served.line.cut()


@pytest.fixture(scope="module")
def visit(browser, served):
    """A run of the latent filters with other noise, played for some cycles."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(served.address)
    shown(page, 0)
    for name in ("EnSF", "latent smoother"):
        page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator(".race .who")).to_have_count(2, timeout=PATIENCE)
    slide(page, "Noise", "ArrowRight", times=2)
    status(page, "noise 0.20 std")
    shown(page, 0)
    yield page
    page.close()


def test_a_lost_connection_is_told_and_the_same_run_goes_on(visit, served):
    press(visit, "play-button")
    reach(visit, 2)
    served.line.cut()
    told = visit.get_by_role("alert").filter(has_text="Connection to the server lost")
    expect(told).to_be_visible(timeout=PATIENCE)
    assert visit.evaluate("() => document.activeElement === document.body")
    before = step(visit)
    served.line.mend()
    visit.get_by_role("button", name="Try now").click()
    back = visit.get_by_role("status").filter(has_text="Connected again")
    expect(back).to_be_visible(timeout=PATIENCE)
    expect(told).to_have_count(0)
    expect(visit.locator(".notice")).to_contain_text("paused while no browser was connected")
    expect(visit.locator(".play-button button")).to_contain_text("Play", timeout=PATIENCE)
    status(visit, "noise 0.20 std")
    assert step(visit) >= before > 0
    shown(visit, step(visit))
    press(visit, "play-button")
    reach(visit, step(visit) + 2)
    expect(visit.locator(".notice", has_text="paused while")).to_have_count(0)
    press(visit, "play-button")


def test_a_server_that_was_started_anew_is_told_and_the_scene_opened_again(visit, served):
    served.end()
    expect(visit.get_by_role("alert").filter(has_text="lost")).to_be_visible(timeout=PATIENCE)
    served.start()
    gone = visit.get_by_role("alertdialog", name="This run is gone")
    expect(gone).to_be_visible(timeout=PATIENCE)
    gone.get_by_role("button", name="Open the same scene").click()
    status(visit, "noise 0.20 std")
    shown(visit, 0)
    assert "?scene=1." in visit.url
    expect(visit.locator(".race .who")).to_have_count(2)
    advance(visit)


def test_a_run_that_fails_says_what_to_do_and_goes_after_a_reset(visit):
    for name in ("LD-EnSF", "no assimilation"):
        visit.get_by_role("button", name=name, exact=True).click()
    press(visit, "reset-button")
    told = visit.get_by_role("alert").filter(has_text="Choose one filter or more")
    expect(told).to_contain_text("press Reset", timeout=PATIENCE)
    visit.get_by_role("button", name="LD-EnSF", exact=True).click()
    press(visit, "reset-button")
    shown(visit, 0)
    expect(told).to_have_count(0)
    advance(visit)
