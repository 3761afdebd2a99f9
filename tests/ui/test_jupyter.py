"""The dashboard as a guest in JupyterLab and Notebook 7, and the page behind Jupyter's server."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.acts import PATIENCE, press, reach, slide, status, step

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]
QUICK_START = Path(__file__).parents[2] / "notebooks" / "01-quickstart.ipynb"
OWN = "/static/"
"""In the addresses of the scripts of Jupyter's pages."""
THREADS = ["ldensf-full-space", "ldensf-latent"]
NAMED = "sorted(t.name for t in threading.enumerate() if t.name.startswith('ldensf-'))"


@contextmanager
def served(module: str, folder: Path):
    """Address of Jupyter's server, which has the quick start in its folder."""
    shutil.copy(QUICK_START, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    settings = {"fetchNews": "false", "checkForUpdates": False}
    (quiet / "notification.jupyterlab-settings").write_text(json.dumps(settings))
    homes = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "IPYTHONDIR": "ipython"}
    environment = os.environ | {name: str(folder / home) for name, home in homes.items()}
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    of_server = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "root_dir": folder}
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root"]
    command += [f"--ServerApp.{name}={value}" for name, value in of_server.items()]
    command += ["--IdentityProvider.token="]
    log = folder / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 90
        while not _answers(f"{address}/api/status"):
            if time.monotonic() > end or server.poll() is not None:
                pytest.fail(f"{module} was not served:\n{log.read_text()}")
            time.sleep(0.3)
        yield address
    finally:
        server.terminate()  # and it ends its kernels
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of JupyterLab."""
    with served("jupyterlab", tmp_path_factory.mktemp("lab")) as address:
        yield address


@contextmanager
def window(browser, address: str):
    """A window that asks nothing of any other machine and tells no error."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    here = (address, address.replace("http", "ws"), "data:", "blob:")
    beyond, errors = [], []
    page.on("request", lambda r: None if r.url.startswith(here) else beyond.append(r.url))
    # Of Jupyter's own pages others take care: here, of what arrives in Panel's.
    page.on("console", lambda m: errors.append(m.text) if "msg_handler" in m.text else None)
    page.on("pageerror", lambda e: None if OWN in e.stack else errors.append(f"{e}\n{e.stack}"))
    try:
        yield page
    finally:
        page.close()
    assert beyond == []
    assert errors == []


# -- what is done in a notebook ------------------------------------------------------------


def run_all(page: Page) -> None:
    """Run all cells from the menu, and wait for the dashboard's first cycle."""
    expect(page.locator(".jp-Cell").first).to_be_visible(timeout=PATIENCE)
    named = page.locator(".jp-KernelName")  # "No Kernel", idle, before there is one
    expect(named).to_contain_text("Python 3", timeout=PATIENCE)
    expect(page.locator("[data-status=idle]").first).to_be_attached(timeout=PATIENCE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.locator(".tile .counter")).to_have_text("0", timeout=3 * PATIENCE)
    expect(page.locator(".board[data-cycle='0']")).to_be_attached(timeout=PATIENCE)


def select(cell: Locator) -> None:
    """Select a cell, to command it by keys."""
    cell.locator(".cm-content").click()
    cell.page.keyboard.press("Escape")


def show(page: Page, code: str) -> Locator:
    """Run a line in a new cell at the end; return that cell once it has been run."""
    cells = page.locator(".jp-Cell")
    number = cells.count()
    select(cells.nth(number - 1))
    page.keyboard.press("b")
    expect(cells).to_have_count(number + 1)
    page.keyboard.press("Enter")
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    cell = cells.nth(number)
    done = re.compile(r"\[\d+\]:")
    expect(cell.locator(".jp-InputPrompt")).to_have_text(done, timeout=PATIENCE)
    return cell


def tell(page: Page, code: str) -> str:
    """What a line shows that is run in a new cell at the end."""
    output = show(page, code).locator(".jp-OutputArea-output")
    return output.last.inner_text().strip() if output.count() else ""


# -- what is expected of a guest -----------------------------------------------------------


def test_the_quick_start_in_jupyterlab(browser, lab):
    with window(browser, lab) as page:
        page.goto(f"{lab}/lab/tree/{QUICK_START.name}")
        run_all(page)
        slide(page, "Speed", "ArrowLeft", times=2)  # one cycle a second
        press(page, "play-button")
        reach(page, 2)
        assert tell(page, "dashboard.settings.noise = 0.3") == ""  # it answers while it plays
        status(page, re.compile(r"from step \d+ noise 0\.3"))
        page.locator(".drawer").get_by_text("Settings, files").click()
        slider = page.locator("input[type=range][aria-label^='Noise']")
        expect(slider).to_have_value("0.3", timeout=PATIENCE)
        press(page, "play-button")
        expect(page.locator(".play-button button")).to_contain_text("Play", timeout=PATIENCE)
        page.wait_for_timeout(1500)  # the cycle that was being run
        assert tell(page, 'dashboard.result.sizes["time"]') == str(step(page) + 1)
        assert "{'noise': 0.3}" in tell(page, "[dict(c) for _, c in dashboard.experiment.changes]")

        select(page.locator(".jp-Cell", has=page.locator(".tile")))
        page.keyboard.press("Control+Enter")  # once more
        expect(page.locator(".tile .counter")).to_have_text("0", timeout=PATIENCE)
        tell(page, "import threading, time")
        assert tell(page, f"[time.sleep(2), {NAMED}][1]") == str(THREADS)

        # Another one beside it, in one row, which runs by itself.
        given = "compact=True, filters=['ld-ensf', 'none'], sensors=25"
        cell = show(page, f"other = Dashboard({given}); other")
        counters = page.locator(".tile .counter")
        expect(counters).to_have_count(2, timeout=PATIENCE)
        cell.locator(".step-button button").click()
        expect(counters.last).to_have_text("1", timeout=PATIENCE)
        assert counters.first.inner_text() == "0"
        for width, maps in {1132: 2, 1280: 3, 1700: 4}.items():
            page.set_viewport_size({"width": width, "height": 800})
            expect(cell.locator(".panel:visible")).to_have_count(maps)
            output = cell.locator(".jp-OutputArea-output").last
            assert output.evaluate("at => at.scrollWidth <= at.clientWidth"), width

        # Keys pressed on it are its own.
        number = page.locator(".jp-Cell").count()
        cell.locator(".frame").first.focus()
        page.keyboard.press("a")
        expect(cell.locator(".assimilate input")).not_to_be_checked(timeout=PATIENCE)
        assert page.locator(".jp-Cell").count() == number

        tell(page, "other.close(), dashboard.close()")
        assert tell(page, f"[time.sleep(2), {NAMED}][1]") == "[]"
        expect(page.locator(".message").first).to_contain_text("was closed", timeout=PATIENCE)


def test_the_page_from_the_launcher(browser, lab):
    with window(browser, lab) as page:
        page.goto(f"{lab}/lab/workspaces/empty?reset")
        tile = page.locator(".jp-LauncherCard", has_text="LD-EnSF")
        expect(tile).to_be_visible(timeout=PATIENCE)
        with page.context.expect_page(timeout=3 * PATIENCE) as opened:
            tile.click()
        dashboard = opened.value
        board = dashboard.locator(".board[data-cycle='0']")
        expect(board).to_be_attached(timeout=2 * PATIENCE)
        press(dashboard, "play-button")
        reach(dashboard, 2)


def test_the_quick_start_in_notebook_7(browser, tmp_path):
    with served("notebook", tmp_path) as address, window(browser, address) as page:
        page.goto(f"{address}/notebooks/{QUICK_START.name}")
        run_all(page)
        slide(page, "Speed", "ArrowLeft", times=2)
        press(page, "play-button")
        reach(page, 2)
        assert tell(page, "dashboard.settings.noise = 0.3") == ""
        status(page, re.compile(r"from step \d+ noise 0\.3"))
