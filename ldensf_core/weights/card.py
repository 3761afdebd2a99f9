"""The card beside trained weights: their sizes, origin and errors.

A JSON object. Four of its entries are checked and read to load the model: ``benchmark``,
``architecture``, the SHA-256 of the ``files``, and the filter's ``calibration``. In an
architecture, ``decoder`` has the kind and the sizes that belong to that kind::

    "architecture": {
      "n_latent": 10,
      "decoder": {"kind": "spectral", "coefficients": 3888, "width": 608, …},
      "dynamics": {"width": 128, "layers": 2},
      "encoder": {"coefficients": 768, "width": 384, "memory": 256}
    }
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from ldensf_core.surrogate import DECODERS
from ldensf_core.weights.architecture import Architecture, VAEArchitecture

CARD = "card.json"
Checked = TypeVar("Checked")
Kind = TypeVar("Kind", Architecture, VAEArchitecture)


SAID = {
    "missing": "this entry is missing",
    "unexpected_keyword_argument": "there is no such entry",
}
"""Our words for errors that pydantic describes in terms of Python."""


class CheckpointError(RuntimeError):
    """Weights or their card are missing, damaged, or not what the card says."""


@dataclass(frozen=True)
class Calibration:
    """The entries of the card's calibration that the latent filter uses."""

    inflation: FiniteFloat
    process_noise: FiniteFloat


@dataclass(frozen=True)
class _Decoder:
    """The entry of a decoder, without its sizes."""

    kind: str


def read_card(folder: Path) -> dict[str, Any]:
    """The card in ``folder``.

    Raises:
        CheckpointError: if it is missing or not a JSON object.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"there are no trained weights in {folder}: no {CARD}. "
            f"Make them with `ldensf train {folder.name}`"
        ) from None
    except ValueError as error:  # neither text nor JSON
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} is damaged: it holds no JSON object")
    return card


def save_card(folder: Path, card: dict[str, Any]) -> None:
    """Write the card last, so that a folder with a card is complete."""
    partial = folder / f"{CARD}.partial"
    partial.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / CARD)


def described(architecture: Architecture | VAEArchitecture) -> dict[str, Any]:
    """An architecture in the form of a card."""
    entry = asdict(architecture)
    entry["decoder"] = {"kind": architecture.decoder, **entry.pop("sizes")}
    return entry


def read_architecture(kind: type[Kind], entry: object, path: Path, place: str) -> Kind:
    """The inverse of ``described``, for the ``entry`` at ``place`` in the card at ``path``.

    Raises:
        CheckpointError: if an entry is missing, unknown or impossible.
    """
    if isinstance(entry, dict) and "decoder" in entry:
        name = checked(_Decoder, entry["decoder"], path, f"{place}.decoder", extra="ignore").kind
        sizes = {key: size for key, size in entry["decoder"].items() if key != "kind"}
        entry = entry | {"decoder": name, "sizes": sizes}
    found = checked(kind, entry, path, place)
    if found.decoder not in DECODERS:
        raise CheckpointError(
            f"{path}: {place}.decoder.kind = {found.decoder!r} is unknown here; there are "
            f"{', '.join(DECODERS)}. Install the package that defines it, or register it"
        )
    sizes = checked(DECODERS[found.decoder].Sizes, found.sizes, path, f"{place}.decoder")
    return replace(found, sizes=sizes)


def checked(
    kind: type[Checked],
    entry: object,
    path: Path,
    place: str,
    extra: Literal["forbid", "ignore"] = "forbid",
) -> Checked:
    """The ``entry`` at ``place`` in the card at ``path``, as ``kind``.

    Args:
        extra: what to do with entries that ``kind`` does not know.

    Raises:
        CheckpointError: if it is not valid; names the first fault.
    """
    try:
        # As JSON again: in strict mode, Python objects would have to be of the class.
        return TypeAdapter(kind).validate_json(json.dumps(entry), strict=True, extra=extra)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, (place, *first["loc"])))
        given = "" if first["type"] == "missing" else f" = {first['input']!r}"
        said = SAID.get(first["type"], first["msg"])
        raise CheckpointError(f"{path}: {place}{given}: {said}") from None
