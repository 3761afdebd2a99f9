"""A scene as a short text for an address, and back.

The text is ``1.`` and base64url of zlib of JSON: version, values. Whoever opens a link gets a
description that is checked like any other; nothing in it is run.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from ldensf_app.scenario import BY_HAND, Scenario

SCENE = "scene"
"""Name of a scene in the page's address."""
VERSION = "1"
LONGEST, LARGEST = 16_000, 65_536
"""Most characters of a link, and most bytes of what it holds."""


def encode(scenario: Scenario) -> str:
    """A scene as letters, digits, ``-``, ``_`` and one ``.``, all of which an address may hold.

    Raises:
        ValueError: if it is too large, which takes many changes of many sensors.
    """
    # Defaults, too, are written: they may be others when the link is opened.
    values = {
        name: value
        for name, value in scenario.model_dump(exclude_none=True).items()
        if value not in ((), {})
    }
    if scenario.layout == BY_HAND:  # both follow from the positions
        del values["sensors"], values["layout"]
    inside = json.dumps(_short(values), separators=(",", ":")).encode()
    packed = base64.urlsafe_b64encode(zlib.compress(inside, 9)).decode().rstrip("=")
    text = f"{VERSION}.{packed}"
    if len(inside) > LARGEST or len(text) > LONGEST:
        raise ValueError(
            f"This scene is too large for a link: {len(text)} characters, {len(inside)} bytes, "
            f"where {LONGEST} and {LARGEST} are allowed. Take fewer changes or sensors"
        )
    return text


def decode(text: str) -> Scenario:
    """The scene of a link.

    Raises:
        ValueError: if it is none; the message is for the visitor who opened it.
    """
    try:
        return Scenario(**_unpacked(text))
    except ValueError as error:
        raise ValueError(f"This link cannot be opened: {error}.") from None


def _unpacked(text: str) -> dict[str, Any]:
    damaged = ValueError("it is damaged or incomplete")
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters, and {LONGEST} are allowed")
    version, _, packed = text.partition(".")
    if version != VERSION:
        of = f"it is of version {version[:10]!r}"
        raise ValueError(f"{of}, and version {VERSION!r} is needed" if packed else str(damaged))
    unzip = zlib.decompressobj()
    try:
        zipped = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_", validate=True)
        inside = unzip.decompress(zipped, LARGEST + 1)
    except (ValueError, zlib.error):
        raise damaged from None
    if len(inside) > LARGEST:
        raise ValueError(f"it holds more than {LARGEST} bytes")
    if not unzip.eof or unzip.unused_data:
        raise damaged
    try:
        values = json.loads(inside)
    except (ValueError, RecursionError):  # nested too deeply
        raise damaged from None
    if not isinstance(values, dict):
        raise damaged
    return values


def _short(value: Any) -> Any:
    """The same with whole numbers written as such: 500 for 500.0."""
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_short(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
