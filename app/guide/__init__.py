"""What the browser does for the page beside drawing: keys, a tour, words, files, texts to copy.

And what it says when the connection to the server is lost, and does to find the run again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param
from panel.custom import JSComponent

from ldensf_app import proxy
from ldensf_app.guide.glossary import TERMS

PARTS = ("shadows", "dialogs", "keys", "words", "names", "tour", "files", "connection", "guide")
PORT = 5006
"""On which ``ldensf app`` serves pages unless another is named."""
_here = Path(__file__).parent


class Guide(JSComponent):
    """Two buttons: a tour of the page, and the list of keys and words.

    Attributes:
        words: what each means.
        session: another text in every session. ``scene``: of the run, as a link has it; the
            browser keeps both, to find out whether it is connected to the same run again.
    """

    words = param.Dict(default=TERMS)
    session = param.String(default="")
    scene = param.String(default="")

    _esm = "\n".join((_here / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _stylesheets: ClassVar[list[str]] = [(_here / "guide.css").read_text(encoding="utf-8")]

    def __init__(self, pressed: Callable[[str], None], **params: Any) -> None:
        """Args: ``pressed`` is called with what a key means, such as "play"."""
        super().__init__(margin=0, session=secrets.token_hex(8), **params)
        self._pressed = pressed

    def _handle_msg(self, data: Any) -> None:
        if data.get("left"):
            let_go()
        else:
            self._pressed(str(data.get("key")))

    def save(self, name: str, kind: str, content: bytes) -> None:
        """Let the browser save a file.

        Args:
            kind: media type.
        """
        self._send_msg({"file": {"name": name, "type": kind, "bytes": content}})

    def offer(self, title: str, text: str = "", query: str = "") -> None:
        """Show a text to copy, or the page's address with a query."""
        served = {"path": f"{proxy.NAME}/{proxy.APP.name}", "port": PORT}
        told = {"title": title, "text": text, "query": query, "served": served}
        self._send_msg({"text": told})


def let_go() -> None:
    """Let the server drop this session soon: its page was closed, and nobody will come back."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = getattr(context, "session", None)
    if session is not None:
        session.request_expiration()
