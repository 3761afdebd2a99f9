"""The page behind Jupyter's server: jupyter-server-proxy starts it, and shows a tile for it.

Jupyter's server imports this module, which therefore imports nothing: see ``ldensf_app``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

NAME = "ldensf"
"""Of the entry point, and thereby of the path below that of Jupyter's server."""
APP = Path(__file__).parent
STARTS = 120
"""Seconds within which the page is to answer."""


def server() -> dict[str, Any]:
    """How jupyter-server-proxy starts the page, and what its tile in the launcher says.

    The page listens on this machine alone, for those whom Jupyter's server lets in. It takes no
    data from pages of other addresses; Jupyter's server, which checks that itself, asks in its
    own name.
    """
    python = [sys.executable, "-P", "-m", "panel", "serve", str(APP)]
    here = "127.0.0.1:{port}"
    return {
        "command": [
            *python,
            "--address=127.0.0.1",
            "--port={port}",
            f"--allow-websocket-origin={here}",
        ],
        "request_headers_override": {"Origin": f"http://{here}"},
        "timeout": STARTS,
        "new_browser_tab": True,
        "launcher_entry": {
            "title": "LD-EnSF",
            "icon_path": str(APP / "icon.svg"),
            "path_info": f"{NAME}/{APP.name}",
        },
    }
