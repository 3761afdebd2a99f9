"""The real app, served in a separate process, and a real browser to look at it.

These tests are never skipped: where there is no browser they fail and say where one is looked
for.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

from tests.ui.acts import opened, reset

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """A browser of the system, or None for playwright's own."""
    chosen = os.environ.get("LDENSF_CHROMIUM")
    if chosen:
        return chosen
    names = ("/usr/bin/chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        except Error as error:
            pytest.fail(
                "no browser: looked at $LDENSF_CHROMIUM, /usr/bin/chromium, chromium-browser, "
                f"google-chrome and playwright's own. Install one.\n{error}"
            )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Address of the app, served for as long as the tests run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "panel", "serve", "app", "--port", str(port)]
    command += ["--allow-websocket-origin", f"127.0.0.1:{port}"]
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/app"
    try:
        wait_for(address, server, log)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=30):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"the app was not served:\n{log.read_text()}")


@pytest.fixture
def page(browser, address):
    """The app in a window of a laptop, as somebody sees it who comes for the first time."""
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def window(browser, address):
    """The same for all tests of a module that leave settings as they are."""
    with opened(browser, address) as page:
        yield page


@pytest.fixture
def run(window):
    """A run at its first cycle, paused, in a window that other tests have used."""
    reset(window)
    return window
