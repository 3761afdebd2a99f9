"""How each benchmark's networks are sized and trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ldensf_core.architecture import Architecture


@dataclass(frozen=True)
class Recipe:
    """Training of one benchmark.

    Attributes:
        pool: trajectories kept on the device; ``chunk`` of them are simulated together, and
            replace the oldest every ``refresh`` steps.
        batch: trajectories in a batch.
        joint_steps, decoder_steps, encoder_steps: of the three parts of training.
        networks: sensor networks in the bank that the encoder is trained on.
        calibration_truths: validation runs that the filter is calibrated on.
    """

    architecture: Architecture
    pool: int
    chunk: int
    refresh: int
    batch: int
    joint_steps: int
    decoder_steps: int
    encoder_steps: int
    networks: int
    calibration_truths: int


RECIPES = {
    "tsunami": Recipe(
        Architecture(n_latent=10),
        pool=4096,
        chunk=128,
        refresh=2000,
        batch=128,
        joint_steps=6_193,
        decoder_steps=55_034,
        encoder_steps=36_664,
        networks=1024,
        calibration_truths=5,
    ),
}


def small(recipe: Recipe) -> Recipe:
    """The same training in miniature: minutes on a CPU, for trying things out and for tests."""
    architecture = replace(
        recipe.architecture,
        dynamics_width=32,
        coefficients=64,
        width=64,
        blocks=1,
        last=64,
        features=64 - recipe.architecture.n_latent,
        observed_coefficients=32,
        encoder_width=64,
        encoder_memory=32,
    )
    return Recipe(
        architecture,
        pool=8,
        chunk=4,
        refresh=20,
        batch=4,
        joint_steps=60,
        decoder_steps=60,
        encoder_steps=60,
        networks=16,
        calibration_truths=1,
    )
