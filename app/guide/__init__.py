"""What the browser does for the page beside drawing: keys, a tour, words, files, texts to copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from ldensf_app import proxy
from ldensf_app.guide.glossary import TERMS

PARTS = ("shadows", "dialogs", "keys", "words", "names", "tour", "files", "guide")
PORT = 5006
"""On which ``ldensf app`` serves pages unless another is named."""
_here = Path(__file__).parent


class Guide(JSComponent):
    """Two buttons: a tour of the page, and the list of keys and words.

    Attributes:
        words: what each means.
    """

    words = param.Dict(default=TERMS)

    _esm = "\n".join((_here / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _stylesheets: ClassVar[list[str]] = [(_here / "guide.css").read_text(encoding="utf-8")]

    def __init__(self, pressed: Callable[[str], None], **params: Any) -> None:
        """Args: ``pressed`` is called with what a key means, such as "play"."""
        super().__init__(margin=0, **params)
        self._pressed = pressed

    def _handle_msg(self, data: Any) -> None:
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
