"""`ldensf app`: what it serves, with which options, and how it ends."""

import http.cookiejar
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest
import torch

from ldensf_app import sessions
from ldensf_core import serving
from ldensf_core.cli import main

ROOT = Path(__file__).parents[1]


def run(monkeypatch, *arguments):
    """Run `ldensf app` in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["ldensf", "app", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code or 0


@pytest.fixture
def started(monkeypatch):
    """Commands and environments of the servers that were to be started; none is."""

    class Server:
        def __init__(self, command, env, start_new_session):
            servers.append((command, env))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def wait(self):
            return 0

    def asked():
        raise AssertionError("the server is not to inherit a process that has asked for CUDA")

    servers = []
    monkeypatch.setattr(subprocess, "Popen", Server)
    monkeypatch.setattr(serving, "_end", lambda server: None)
    monkeypatch.setattr(torch.cuda, "is_available", asked)
    monkeypatch.delenv("LDENSF_DEVICE", raising=False)
    monkeypatch.delenv("PANEL_COOKIE_SECRET", raising=False)
    return servers


def test_the_app_is_found_without_being_imported():
    program = (
        "import sys, torch; torch.cuda._lazy_init = torch.cuda.is_available = None\n"
        "from ldensf_core.serving import app_folder; print(app_folder())\n"
        "assert not {'ldensf_app', 'panel', 'bokeh'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == str(ROOT / "app"), done.stderr


def test_options_are_passed_on(monkeypatch, capsys, started):
    options = "--port 7001 --address 127.0.0.1 --prefix tools --num-procs 3 --device cuda --show"
    options += " --allow-websocket-origin a.org --allow-websocket-origin b.org:80"
    options += " --basic-auth Sesame --cookie-secret salt"
    assert run(monkeypatch, *options.split()) == 0
    ((command, environment),) = started
    assert command[: command.index("serve")] == [sys.executable, "-P", "-m", "panel"]
    assert set(command[command.index("serve") + 1 :]) == {
        str(ROOT / "app"), "--port=7001", "--address=127.0.0.1", "--prefix=tools", "--num-procs=3",
        "--show", "--allow-websocket-origin=a.org", "--allow-websocket-origin=b.org:80",
        "--basic-auth=Sesame", *serving.AWAY,
    }  # fmt: skip
    assert environment["LDENSF_DEVICE"] == "cuda" and environment["PANEL_COOKIE_SECRET"] == "salt"
    assert "http://127.0.0.1:7001/tools/ " in capsys.readouterr().out


def test_by_default_little_is_passed_on(monkeypatch, capsys, started):
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--basic-auth", "Sesame", "--no-show") == 0
    (plain, environment), (_, secret) = started
    assert plain[-4:] == [str(ROOT / "app"), "--port=5006", *serving.AWAY]
    assert not {"LDENSF_DEVICE", "PANEL_COOKIE_SECRET"} & set(environment)
    assert len(secret["PANEL_COOKIE_SECRET"]) > 20
    assert "http://localhost:5006 " in capsys.readouterr().out


@pytest.mark.parametrize("device", ["abacus", "meta"])
def test_an_unknown_device_is_refused(monkeypatch, capsys, started, device):
    assert run(monkeypatch, "--device", device) == 2
    expected = f"ldensf: device '{device}' is unknown; there are auto, cpu, cuda\n"
    assert capsys.readouterr().err == expected and started == []


@pytest.mark.parametrize("missing", ["panel", "ldensf_app"])
def test_what_is_to_be_installed_is_said(monkeypatch, capsys, started, missing):
    find = serving.find_spec
    monkeypatch.setattr(serving, "find_spec", lambda n: None if n == missing else find(n))
    assert run(monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert missing in line and "pip install 'ldensf[app]'" in line and started == []


@pytest.mark.parametrize(("device", "expected"), [("cpu", "cpu"), (None, "auto")])
def test_the_page_is_told_the_device(monkeypatch, device, expected):
    made = []
    monkeypatch.setattr(sessions, "Dashboard", lambda **settings: made.append(settings))
    monkeypatch.delenv("LDENSF_DEVICE", raising=False)
    if device:
        monkeypatch.setenv("LDENSF_DEVICE", device)
    sessions.dashboard()
    assert made == [{"device": expected}]


@pytest.mark.timeout(300)
def test_it_asks_for_the_password_and_ends_quietly(tmp_path):
    """Under a prefix, from the address that is printed; no process is left after Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from ldensf_core.cli import main; main()", "app"]
    command += ["--port", str(port), "--prefix", "tools", "--basic-auth", "Sesame"]
    log = tmp_path / "log.txt"
    with log.open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        address = re.search(r"http://\S+", server.stdout.readline()).group()
        assert address == f"http://localhost:{port}/tools/"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        visitor = urllib.request.build_opener(cookies)
        page = opened(visitor, address, server, log)
        assert "/tools/login" in page.url
        text = page.read().decode()
        assert 'type="password"' in text and "LD-EnSF" not in text
        fields = urllib.parse.urlencode({"username": "me", "password": "Sesame"}).encode()
        page = visitor.open(page.url, fields, timeout=120)
        assert page.url == f"http://localhost:{port}/tools/app"
        assert "LD-EnSF" in page.read().decode()
        children = psutil.Process(server.pid).children(recursive=True)
        assert children
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 130
        assert log.read_text().splitlines()[-1] == "ldensf: interrupted"
        assert "Traceback" not in log.read_text()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)
        server.stdout.close()


def opened(visitor, address, server, log):
    """The page at ``address``, once it is served."""
    end = time.monotonic() + 150
    while time.monotonic() < end and server.poll() is None:
        try:
            return visitor.open(address, timeout=60)
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"it was not served:\n{log.read_text()}")
