"""The dashboard served by Panel, in a separate process.

This process neither imports the app nor touches a GPU: the server may fork, and CUDA does not
survive a fork.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

APP = "ldensf_app"
NEEDED = ("bokeh", "cmocean", "holoviews", "matplotlib", "panel", "panel_material_ui", "param")
"""Modules that the extra ``app`` installs."""
PATIENCE = 10
"""Seconds to wait for a server to end."""
AWAY = ("--unused-session-lifetime=300000", "--session-token-expiration=86400")
"""Runs wait 5 minutes (in ms) for browsers that were cut off, of pages up to a day old (in s)."""


def serve(
    port: int = 5006,
    address: str | None = None,
    prefix: str | None = None,
    origins: Sequence[str] = (),
    processes: int = 1,
    device: str = "auto",
    show: bool = False,
    basic_auth: str | None = None,
    cookie_secret: str | None = None,
) -> int:
    """Serve the dashboard until Ctrl-C or SIGTERM.

    Args:
        port: to listen on; ``address``: to listen on, by default all of this machine's.
        prefix: of the path of all pages.
        origins: hosts, with ports, by which browsers may reach it, besides localhost.
        processes: number of server processes; 0: one for each core.
        device: to compute on; passed to the app by the environment variable LDENSF_DEVICE.
        show: whether to open it in a browser.
        basic_auth: password, or a file of users and passwords; by default no login.
        cookie_secret: key that signs logins; by default a new one each time.

    Returns:
        Exit status of the server.

    Raises:
        ValueError: if the device's name is unknown, or the app or its requirements are not
            installed.
    """
    _check_device(device)
    command = [sys.executable, "-P", "-m", "panel", "serve", str(app_folder()), f"--port={port}"]
    command += AWAY
    for option, value in (("address", address), ("prefix", prefix), ("basic-auth", basic_auth)):
        if value is not None:
            command.append(f"--{option}={value}")
    command += [f"--allow-websocket-origin={origin}" for origin in origins]
    command += [f"--num-procs={processes}"] * (processes != 1) + ["--show"] * show
    environment = dict(os.environ)
    if device != "auto":
        environment["LDENSF_DEVICE"] = device
    if cookie_secret is not None:
        environment["PANEL_COOKIE_SECRET"] = cookie_secret  # other users cannot see it there
    elif basic_auth is not None:
        environment.setdefault("PANEL_COOKIE_SECRET", secrets.token_urlsafe())
    print(f"The dashboard is at {root(port, address, prefix)} (Ctrl-C ends it)", flush=True)
    # In a separate session, Ctrl-C reaches this process alone; it then ends the others.
    with subprocess.Popen(command, env=environment, start_new_session=True) as server:
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            return server.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
            _end(server)


def app_folder() -> Path:
    """The folder of the app, found without importing it.

    Raises:
        ValueError: if the app or its requirements are not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    found = find_spec(APP)
    if missing or found is None or not found.submodule_search_locations:
        raise ValueError(
            f"the dashboard needs {', '.join(missing) or APP}: pip install 'ldensf[app]'"
        )
    return Path(found.submodule_search_locations[0])


def root(port: int, address: str | None, prefix: str | None) -> str:
    """The address for a browser; it redirects to the app."""
    host = "localhost" if address in (None, "", "0.0.0.0", "::") else address
    path = "" if prefix is None else prefix.strip("/")
    return f"http://{host}:{port}/{path}/" if path else f"http://{host}:{port}"


def _check_device(device: str) -> None:
    """Check the name only; the app checks whether the device exists."""
    try:
        known = device == "auto" or torch.device(device).type in ("cpu", "cuda")
    except RuntimeError:
        known = False
    if not known:
        raise ValueError(f"device {device!r} is unknown; there are auto, cpu, cuda")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _end(server: subprocess.Popen) -> None:
    """End the server and the processes that it forked."""
    if hasattr(os, "killpg"):
        for signal_ in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(server.pid, signal_)
                server.wait(PATIENCE)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
    elif server.poll() is None:
        server.terminate()
