"""Sizes and training of each benchmark's networks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ldensf_core.benchmarks import Benchmark
from ldensf_core.surrogate import DECODERS, CoordinateSizes, SpectralDecoder, SpectralSizes
from ldensf_core.weights.architecture import (
    Architecture,
    DynamicsSizes,
    EncoderSizes,
    VAEArchitecture,
    VAEEncoderSizes,
)


@dataclass(frozen=True)
class Recipe:
    """Training of one benchmark's networks, of sizes ``architecture``.

    Attributes:
        pool: trajectories kept on the device for the surrogate; ``chunk`` of them are simulated
            together, and replace the oldest every ``refresh`` steps.
        batch, decoder_batch: trajectories in a batch of the joint stage, and of the decoder
            stage, whose batch has the same number of snapshots as these trajectories.
        joint_steps, decoder_steps, encoder_steps: of the three parts of training.
        noisy: share of latent states with noise in the decoder stage.
        decoder_decay: weight decay of the decoder's hidden matrices in that stage.
        encoder_pool, encoder_batch: the same for the encoder, which needs whole fields;
            ``encoder_decay``: weight decay of its hidden matrices.
        networks: number of sensor networks in the encoder's bank.
        sensors: least and largest number of sensors of a network.
        varied: train the encoder on one sensor or more in all layouts, with gaps, and on parameters
            a little beyond the prior.
        most_noise: largest noise, as a fraction of each variable's standard deviation.
        inflation, process_noise: the choices of the calibration.
        calibration_truths: number of validation runs for the calibration.
        scored_runs: runs of each split to measure errors on; by default all.
        vae_architecture, vae_steps: of the coupled autoencoder, which uses the encoder's pool
            and networks; ``vae_batch``: snapshots in a batch.
    """

    architecture: Architecture
    pool: int
    chunk: int
    refresh: int
    batch: int
    decoder_batch: int
    joint_steps: int
    decoder_steps: int
    encoder_steps: int
    encoder_pool: int
    vae_architecture: VAEArchitecture
    vae_steps: int
    vae_batch: int = 512
    encoder_batch: int = 64
    encoder_decay: float = 0.0
    decoder_decay: float = 0.0
    noisy: float = 0.125
    networks: int = 1024
    sensors: tuple[int, int] = (16, 256)
    varied: bool = False
    most_noise: float = 0.5
    inflation: tuple[float, ...] = (0.5, 0.7, 1.0, 1.5)
    process_noise: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    calibration_truths: int = 5
    scored_runs: int | None = None


DYNAMICS = DynamicsSizes(width=128, layers=2)


VAE_FREQUENCY = 3.0
"""Initial frequency of the decoder's sines: noise of 0.1 must hardly change them."""


def _vae(observed: int, coefficients: int, last: int) -> VAEArchitecture:
    """Sizes of a coupled autoencoder, from those that differ between benchmarks."""
    sizes = SpectralSizes(coefficients, 128, 1, last, features=32, frequency=VAE_FREQUENCY)
    return VAEArchitecture(64, "spectral", sizes, VAEEncoderSizes(observed, width=128, blocks=1))


FEWEST_RUNS = 8
"""Least number of runs to train a surrogate on."""

RECIPES = {
    "kolmogorov": Recipe(
        Architecture(
            9,
            "spectral",
            SpectralSizes(coefficients=6144, width=512, blocks=2, last=960, features=247),
            DYNAMICS,
            EncoderSizes(coefficients=512, width=384, memory=256),
        ),
        pool=1024,
        chunk=128,
        refresh=20_000,
        batch=128,
        decoder_batch=32,
        joint_steps=6_000,
        decoder_steps=200_000,
        decoder_decay=0.05,
        encoder_steps=40_000,
        encoder_decay=0.05,
        encoder_pool=1024,
        vae_architecture=_vae(observed=200, coefficients=1024, last=304),
        vae_steps=40_000,
    ),
    "tsunami": Recipe(
        Architecture(
            10,
            "spectral",
            SpectralSizes(coefficients=3888, width=608, blocks=3, last=896, features=246),
            DYNAMICS,
            EncoderSizes(coefficients=768, width=384, memory=256),
        ),
        pool=4096,
        chunk=128,
        refresh=4000,
        batch=128,
        decoder_batch=32,
        joint_steps=6_000,
        decoder_steps=125_000,
        decoder_decay=0.05,
        encoder_steps=40_000,
        encoder_decay=0.05,
        encoder_pool=4096,
        vae_architecture=_vae(observed=201, coefficients=810, last=384),
        vae_steps=40_000,
    ),
    "atmosphere": Recipe(
        Architecture(
            50,
            "spectral",
            SpectralSizes(coefficients=3440, width=576, blocks=3, last=896, features=206),
            DYNAMICS,
            EncoderSizes(coefficients=1200, width=384, memory=256),
        ),
        pool=1024,
        chunk=64,
        refresh=10_000,
        batch=128,
        decoder_batch=32,
        joint_steps=6_000,
        decoder_steps=90_000,
        encoder_steps=14_000,
        encoder_decay=0.05,
        encoder_pool=384,
        encoder_batch=32,
        vae_architecture=_vae(observed=280, coefficients=1700, last=176),
        vae_steps=15_000,
        vae_batch=256,
        networks=256,
        sensors=(64, 1024),
    ),
}


def recipe_for(benchmark: Benchmark) -> Recipe:
    """The recipe of a benchmark; without one, a recipe from the sizes of its fields.

    Raises:
        ValueError: if there are too few training runs.
    """
    if benchmark.has_solver and benchmark.name in RECIPES:
        return RECIPES[benchmark.name]
    variables, unknowns = len(benchmark.variables), len(benchmark.parameters)
    points = math.prod(benchmark.grid_shape)
    runs = 1024 if benchmark.has_solver else benchmark.split("train").sizes["trajectory"]
    if runs < max(FEWEST_RUNS, unknowns + 2):
        raise ValueError(
            f"{benchmark.name} has {runs} training runs: at least "
            f"{max(FEWEST_RUNS, unknowns + 2)} are needed"
        )
    n_latent = min(50, 6 + 2 * unknowns)
    coefficients = variables * min(points, 1296)
    observed = variables * min(points // 2 + 1, 256)
    most_sensors = min(points, 256)
    return Recipe(
        Architecture(
            n_latent,
            SpectralDecoder.name,
            SpectralSizes(coefficients, 512, 3, min(coefficients, 704), features=256 - n_latent),
            DYNAMICS,
            EncoderSizes(observed, width=384, memory=256),
        ),
        pool=runs,
        chunk=next(n for n in range(min(runs, 64), 0, -1) if runs % n == 0),
        refresh=10_000,
        batch=128,
        decoder_batch=32,
        joint_steps=6_000,
        decoder_steps=60_000,
        decoder_decay=0.05,
        encoder_steps=20_000,
        encoder_decay=0.05,
        encoder_pool=runs,
        vae_architecture=_vae(min(observed, 200), min(coefficients, 1024), min(coefficients, 304)),
        vae_steps=20_000,
        sensors=(min(16, max(1, most_sensors // 4)), most_sensors),
        calibration_truths=min(5, benchmark.split("validation").sizes["trajectory"]),
    )


PUBLISHED = {
    "kolmogorov": (
        DynamicsSizes(width=200, layers=9),
        CoordinateSizes(width=500, layers=14, features=10, frequency=6.0),
    ),
    "tsunami": (
        DynamicsSizes(width=50, layers=8),
        CoordinateSizes(width=300, layers=10, features=10, frequency=2.0),
    ),
    "atmosphere": (
        DynamicsSizes(width=200, layers=8),
        CoordinateSizes(width=500, layers=15, features=50, frequency=8.0),
    ),
}
"""Sizes of dynamics and decoder of Xiao, Si and Chen (arXiv 2411.19305).

The frequencies are the best of a few for fitting one snapshot with a small coordinate network:
powers of two, and some in between.
"""


def published(name: str) -> Recipe:
    """Recipe of a surrogate of the published sizes, for comparison with the shipped one.

    The pool holds whole fields, like the encoder's. Batches are small, because each trajectory
    has thousands of points. As published, no latent state gets noise.
    """
    recipe, (dynamics, sizes) = RECIPES[name], PUBLISHED[name]
    return replace(
        recipe,
        architecture=replace(
            recipe.architecture, decoder="coordinates", sizes=sizes, dynamics=dynamics
        ),
        pool=recipe.encoder_pool,
        batch=16,
        decoder_batch=16,
        noisy=0.0,
    )


def with_decoder(recipe: Recipe, name: str) -> Recipe:
    """The same training with another kind of decoder, of its default sizes.

    Raises:
        ValueError: if the name is unknown, or the decoder's sizes have no defaults.
    """
    kind = DECODERS[name]
    try:
        sizes = kind.Sizes()
    except (TypeError, ValueError):  # pydantic's is a ValueError
        raise ValueError(
            f"decoder {name!r}: its sizes have no defaults; write a recipe with sizes"
        ) from None
    return replace(recipe, architecture=replace(recipe.architecture, decoder=name, sizes=sizes))


def small(recipe: Recipe) -> Recipe:
    """A very short version of the training, for trials and tests: minutes on a CPU."""
    n_latent = recipe.architecture.n_latent
    architecture = Architecture(
        n_latent,
        "spectral",
        SpectralSizes(coefficients=192, width=64, blocks=1, last=64, features=64 - n_latent),
        DynamicsSizes(width=32, layers=2),
        EncoderSizes(coefficients=96, width=64, memory=32),
    )
    vae_architecture = VAEArchitecture(
        16,
        "spectral",
        SpectralSizes(
            coefficients=192, width=32, blocks=1, last=64, features=16, frequency=VAE_FREQUENCY
        ),
        VAEEncoderSizes(coefficients=96, width=32, blocks=1),
    )
    return replace(
        recipe,
        architecture=architecture,
        pool=4,
        chunk=2,
        refresh=40,
        batch=4,
        decoder_batch=2,
        joint_steps=60,
        decoder_steps=60,
        encoder_steps=60,
        encoder_pool=4,
        encoder_batch=2,
        vae_architecture=vae_architecture,
        vae_steps=60,
        vae_batch=16,
        networks=16,
        inflation=(1.0,),
        process_noise=(0.01, 0.05),
        calibration_truths=1,
        scored_runs=3,
    )
