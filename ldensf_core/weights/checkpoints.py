"""Trained weights on disk, as safetensors, beside their card.

Weights are stored compressed (``compression``) and used in single precision.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

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
from ldensf_core.weights.card import (
    CARD,
    Calibration,
    CheckpointError,
    checked,
    read_architecture,
    read_card,
)
from ldensf_core.weights.compression import compress, expand
from ldensf_core.weights.model import LatentModel

PRETRAINED = Path(str(files("ldensf_core.pretrained")))
PARTS = ("ldnet", "encoder", "error")
VAE = "vae"
"""An optional part of a folder: only one filter needs it."""
FILES = {part: f"{part}.safetensors" for part in (*PARTS, VAE)}


def load_pretrained(
    benchmark: Benchmark | str, device: str | torch.device = "auto", folder: Path | None = None
) -> LatentModel:
    """Load the trained model of a benchmark, object or name.

    Args:
        folder: of the weights and their card; by default the benchmark's, or the shipped ones.

    Raises:
        ValueError: if the benchmark or device is unknown.
        CheckpointError: if a file is missing or does not match its SHA-256 in the card, or the
            card lacks what is needed.
    """
    benchmark, device = get_benchmark(benchmark), resolve_device(device)
    card, folder = _card(benchmark, folder)
    checked(Calibration, card.get("calibration"), folder / CARD, "calibration", extra="ignore")
    architecture = _architecture(card, folder)
    ldnet, error = _surrogate(benchmark, architecture, card, folder)
    encoder = build_encoder(benchmark, architecture.n_latent, architecture.encoder)
    _fill(encoder, folder, "encoder", card)
    parts = (part.to(device) for part in (ldnet, encoder, error))
    model = LatentModel(benchmark, *parts, card, device)
    wait(device)  # threads in other streams use it too
    return model


def weights_folder(benchmark: Benchmark) -> Path:
    """The folder for a benchmark's trained weights: its ``weights``, or the shipped ones."""
    return PRETRAINED / benchmark.name if benchmark.weights is None else Path(benchmark.weights)


def has_weights(benchmark: Benchmark) -> bool:
    """Whether the folder for a benchmark's weights holds any."""
    return (weights_folder(benchmark) / CARD).exists()


def load_surrogate(
    benchmark: Benchmark | str, device: torch.device, folder: Path
) -> tuple[LDNet, SurrogateError]:
    """Load the surrogate in ``folder`` and its error; raises as ``load_pretrained``."""
    benchmark = get_benchmark(benchmark)
    card, folder = _card(benchmark, folder)
    ldnet, error = _surrogate(benchmark, _architecture(card, folder), card, folder)
    return ldnet.to(device), error.to(device)


def load_vae(
    benchmark: Benchmark | str, device: str | torch.device = "auto", folder: Path | None = None
) -> CoupledVAE:
    """Load the trained coupled autoencoder of a benchmark, object or name.

    Args:
        folder: of the weights and their card; by default the benchmark's, or the shipped ones.

    Raises:
        ValueError: if the benchmark or device is unknown.
        CheckpointError: if there is none, or a file is missing or does not match the card.
    """
    benchmark, device = get_benchmark(benchmark), resolve_device(device)
    card, folder = _card(benchmark, folder)
    if VAE not in card:
        raise CheckpointError(
            f"there is no coupled autoencoder in {folder}, which Latent-EnSF needs. "
            f"Make it with `ldensf train {benchmark.name} --part vae --output {folder}`"
        )
    entry = checked(dict, card[VAE], folder / CARD, VAE).get("architecture")
    vae = build_vae(
        benchmark,
        read_architecture(VAEArchitecture, entry, folder / CARD, f"{VAE}.architecture"),
    )
    _fill(vae, folder, VAE, card)
    return vae.to(device)


def save_weights(
    folder: Path, ldnet: nn.Module, encoder: nn.Module, error: nn.Module
) -> dict[str, str]:
    """Write all weights to ``folder``; returns the SHA-256 of each file for the card."""
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


def round_as_stored(module: nn.Module) -> None:
    """Round the weights as storage will, so that tests measure the shipped weights."""
    coarsely = isinstance(module, CoupledVAE)
    module.load_state_dict(expand(compress(module.state_dict(), coarsely)))


def _card(benchmark: Benchmark, folder: Path | None) -> tuple[dict[str, Any], Path]:
    """The card of a benchmark's weights, and their folder."""
    name = benchmark.name
    if folder is None:
        folder = weights_folder(benchmark)
        if not has_weights(benchmark) and not folder.exists():
            raise CheckpointError(
                f"there are no trained weights of benchmark {name!r}: make them with `ldensf train "
                f"{benchmark.known_as} --output FOLDER` and name the folder (--weights FOLDER, or "
                "as the benchmark's attribute `weights`); full-space filters need none"
            )
    card = read_card(folder)
    if card.get("benchmark") != name:
        raise CheckpointError(
            f"{folder / CARD}: the weights are for {card.get('benchmark')!r}, not {name!r}"
        )
    return card, folder


def _architecture(card: dict[str, Any], folder: Path) -> Architecture:
    return read_architecture(Architecture, card.get("architecture"), folder / CARD, "architecture")


def _surrogate(
    benchmark: Benchmark, architecture: Architecture, card: dict[str, Any], folder: Path
) -> tuple[LDNet, SurrogateError]:
    ldnet, error = build_ldnet(benchmark, architecture), SurrogateError(benchmark)
    _fill(ldnet, folder, "ldnet", card)
    _fill(error, folder, "error", card)
    return ldnet, error


def _fill(module: nn.Module, folder: Path, part: str, card: dict[str, Any]) -> None:
    path = folder / FILES[part]
    digest = checked(dict[str, str], card.get("files"), folder / CARD, "files").get(path.name)
    if digest is None:
        raise CheckpointError(f"{folder / CARD}: files.{path.name}: its SHA-256 is missing")
    if not path.exists():
        raise CheckpointError(f"{path} is missing: restore it, or train again")
    if _sha256(path) != digest:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is {_sha256(path)[:12]}…, the card says "
            f"{digest[:12]}…. Restore the file, or train again"
        )
    try:
        module.load_state_dict(expand(safetensors.torch.load_file(path)))
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise CheckpointError(f"{path} does not fit the card's architecture: {error}") from error
    module.requires_grad_(False).eval()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
