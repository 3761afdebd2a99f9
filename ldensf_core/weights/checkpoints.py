"""Learned parts on disk: weights as safetensors, and a card that says where they come from.

Weights are compressed (``compression``); everything computes in single precision once loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from ldensf_core.benchmarks import Benchmark, get_benchmark
from ldensf_core.device import resolve_device, wait
from ldensf_core.encoders.autoencoder import CoupledVAE
from ldensf_core.surrogate import LDNet, SurrogateError
from ldensf_core.weights.architecture import (
    Architecture,
    VAEArchitecture,
    build_encoder,
    build_ldnet,
    build_vae,
)
from ldensf_core.weights.compression import compress, expand
from ldensf_core.weights.model import LatentModel

PRETRAINED = Path(str(files("ldensf_core.pretrained")))
PARTS = ("ldnet", "encoder", "error")
VAE = "vae"
"""A part that a folder may lack: the other filters do without."""
FILES = {part: f"{part}.safetensors" for part in (*PARTS, VAE)}
Sizes = TypeVar("Sizes", Architecture, VAEArchitecture)


class CheckpointError(RuntimeError):
    """Weights or their card are missing, damaged, or not what the card says."""


def load_pretrained(
    benchmark: str | Benchmark, device: str | torch.device = "auto", folder: Path | None = None
) -> LatentModel:
    """The trained model of a benchmark.

    Args:
        folder: of the weights and their card; by default the benchmark's own, or the shipped ones.

    Raises:
        ValueError: if the benchmark or device is unknown.
        CheckpointError: if a file is missing or does not match its SHA-256 in the card, or the
            card lacks what is needed.
    """
    benchmark, device = get_benchmark(benchmark), resolve_device(device)
    folder = folder or benchmark.weights or PRETRAINED / benchmark.name
    ldnet, error = load_surrogate(benchmark, device, folder)
    card = read_card(folder)
    encoder = build_encoder(benchmark, _checked(card, benchmark.name, folder / "card.json"))
    _fill(encoder, folder, "encoder", card)
    model = LatentModel(benchmark, ldnet, encoder.to(device), error, card, device)
    wait(device)  # threads in other streams use it, too
    return model


def load_surrogate(
    benchmark: Benchmark, device: torch.device, folder: Path
) -> tuple[LDNet, SurrogateError]:
    """The trained surrogate in ``folder`` and the error that it makes; raises as above."""
    card = read_card(folder)
    ldnet = build_ldnet(benchmark, _checked(card, benchmark.name, folder / "card.json"))
    error = SurrogateError(benchmark)
    _fill(ldnet, folder, "ldnet", card)
    _fill(error, folder, "error", card)
    return ldnet.to(device), error.to(device)


def load_vae(
    benchmark: Benchmark, device: str | torch.device = "auto", folder: Path | None = None
) -> CoupledVAE:
    """The trained coupled autoencoder of a benchmark.

    Args:
        folder: of the weights and their card; by default the benchmark's own, or the shipped ones.

    Raises:
        ValueError: if the device is unknown.
        CheckpointError: if there is none, or a file is missing or not what the card says.
    """
    name, device = benchmark.name, resolve_device(device)
    folder = folder or benchmark.weights or PRETRAINED / name
    card, path = read_card(folder), folder / "card.json"
    _of_benchmark(card, name, path)
    if VAE not in card:
        raise CheckpointError(
            f"there is no coupled autoencoder in {folder}, which Latent-EnSF needs. "
            f"Make it with `ldensf train {name} --part vae --output {folder}`"
        )
    _holds(card, VAE, ["architecture"], path)
    _holds(card, "files", [FILES[VAE]], path)
    sizes = _sizes(VAEArchitecture, card[VAE], path)
    vae = build_vae(benchmark, sizes)
    _fill(vae, folder, VAE, card)
    return vae.to(device)


def read_card(folder: Path) -> dict[str, Any]:
    """The card in ``folder``.

    Raises:
        CheckpointError: if it is missing or not a JSON object.
    """
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"there are no trained weights in {folder}: no card.json. "
            f"Make them with `ldensf train {folder.name}`"
        ) from None
    except ValueError as error:  # neither text nor JSON
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} is damaged: it holds no JSON object")
    return card


def save_weights(
    folder: Path, ldnet: nn.Module, encoder: nn.Module, error: nn.Module
) -> dict[str, str]:
    """Write what was learned to ``folder``; returns the SHA-256 of each file for the card."""
    digests = {}
    for part, module in zip(PARTS, (ldnet, encoder, error), strict=True):
        digests |= save_part(folder, part, module)
    return digests


def save_part(folder: Path, part: str, module: nn.Module) -> dict[str, str]:
    """Write the weights of one part to ``folder``; returns the SHA-256 of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = compress(module.state_dict(), coarsely=part == VAE)
    partial = folder / (FILES[part] + ".partial")
    safetensors.torch.save_file(tensors, partial)
    partial.replace(folder / FILES[part])
    return {FILES[part]: _sha256(folder / FILES[part])}


def save_card(folder: Path, card: dict[str, Any]) -> None:
    """Write the card last, so that a folder with a card is complete."""
    partial = folder / "card.json.partial"
    partial.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / "card.json")


def round_as_stored(module: nn.Module) -> None:
    """Round the weights to what will be read back, so that what is tested is what is shipped."""
    coarsely = isinstance(module, CoupledVAE)
    module.load_state_dict(expand(compress(module.state_dict(), coarsely)))


def _checked(card: dict[str, Any], benchmark: str, path: Path) -> Architecture:
    """The architecture in the card at ``path``, once all that is read from a card is there."""
    _of_benchmark(card, benchmark, path)
    sizes = _sizes(Architecture, card, path)
    _holds(card, "files", [FILES[part] for part in PARTS], path)
    calibration = ["inflation", "process_noise"]
    _holds(card, "calibration", calibration, path)
    for name in calibration:
        if not isinstance(card["calibration"][name], int | float):
            raise CheckpointError(f"{path}: {name} = {card['calibration'][name]!r} is no number")
    return sizes


def _of_benchmark(card: dict[str, Any], benchmark: str, path: Path) -> None:
    if card.get("benchmark") != benchmark:
        raise CheckpointError(
            f"{path}: the weights are for {card.get('benchmark')!r}, not {benchmark!r}"
        )


def _holds(card: dict[str, Any], entry: str, needed: list[str], path: Path) -> None:
    held = card.get(entry)
    if not isinstance(held, dict) or not set(needed) <= set(held):
        raise CheckpointError(f"{path}: {entry!r} must hold {', '.join(needed)}; it is {held}")


def _sizes(kind: type[Sizes], card: dict[str, Any], path: Path) -> Sizes:
    """The ``architecture`` of a card, or of a part of it."""
    names = [field.name for field in fields(kind)]
    _holds(card, "architecture", names, path)
    sizes = card["architecture"]
    if unknown := set(sizes) - set(names):
        raise CheckpointError(f"{path}: 'architecture' holds {sorted(unknown)}, which is unknown")
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise CheckpointError(f"{path}: {name} = {size!r} is no size of a network")
    return kind(**sizes)


def _fill(module: nn.Module, folder: Path, part: str, card: dict[str, Any]) -> None:
    path, digest = folder / FILES[part], card["files"][FILES[part]]
    if not path.exists():
        raise CheckpointError(f"{path} is missing: restore it, or train again")
    if _sha256(path) != digest:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is {_sha256(path)[:12]}…, the card says "
            f"{str(digest)[:12]}…. Restore the file, or train again"
        )
    try:
        module.load_state_dict(expand(safetensors.torch.load_file(path)))
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise CheckpointError(f"{path} does not fit the card's architecture: {error}") from error
    module.requires_grad_(False).eval()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
