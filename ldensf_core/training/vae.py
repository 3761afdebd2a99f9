"""Training of the coupled autoencoder on fields and observations of fresh trajectories.

The loss is the published one: samples of z from both encoders are to decode to the same fields,
and the two distributions of z are pulled towards each other and towards the prior. The fields'
error is the relative squared error of their coefficients; the other terms are weighted relative to
it.

The distributions are compared by KL(state ‖ observation). Its minimum over all states that fit an
observation is their mean and spread in z: the observation encoder would then give its true error as
standard deviation. Reconstruction pulls the other way, because it needs samples near their means.
With ten times the weight here, standard deviation and error are equal, but the states are
represented less well, and the published filter does not improve.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.autoencoder import CoupledVAE
from ldensf_core.training.encoder import field_statistics
from ldensf_core.training.loop import Trainer
from ldensf_core.training.networks import NetworkBank
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import Recipe
from ldensf_core.weights.architecture import build_vae

PRIOR_WEIGHT = 1e-5
COUPLING_WEIGHT = 1e-5
SNAPSHOTS = 8
"""Snapshots of each trajectory in a batch, all observed by one sensor network."""
PRIOR = Normal(0.0, 1.0)


class VAETraining:
    """A coupled autoencoder and its training data.

    Attributes:
        vae: the network, on ``device``.
        pool: of normalised fields, (size, T, V, ny*nx), in half precision.
        bank: of sensor networks.
    """

    def __init__(
        self, benchmark: Benchmark, recipe: Recipe, seed: int, device: torch.device
    ) -> None:
        self.benchmark, self.recipe = benchmark, recipe

        def flat_half(fields: Tensor) -> Tensor:
            return fields.flatten(-2).half()

        size = recipe.encoder_pool
        self.pool = TrajectoryPool(benchmark, flat_half, size, recipe.chunk, 3000 + seed, device)
        torch.manual_seed(seed)
        architecture = recipe.vae_architecture
        statistics = field_statistics(benchmark, architecture.encoder.coefficients, self.pool)
        self.vae = build_vae(benchmark, architecture, statistics).to(device)
        with torch.no_grad():
            sample = self.pool.data[:: max(1, size // 64)]
            target = torch.stack([self.vae.decoder.target(self._on_grid(run)) for run in sample])
        self.vae.decoder.scale_to(target)
        self.bank = NetworkBank(
            self.vae.interpolation,
            benchmark,
            recipe.networks,
            recipe.sensors,
            recipe.most_noise,
            seed,
        )

    def loss(self) -> Tensor:
        """Loss of a batch of snapshots, drawn from the device's default generator."""
        vae, data = self.vae, self.pool.data
        runs = self.recipe.vae_batch // SNAPSHOTS
        chosen = torch.randint(0, len(data), (runs, 1), device=data.device)
        index = torch.randint(0, data.shape[1], (runs, SNAPSHOTS), device=data.device)
        entry = torch.randint(0, len(self.bank.noise), (runs,), device=data.device)
        flat = data[chosen, index]
        fields = self._on_grid(flat)
        state = vae.of_fields(fields)
        observed = vae.of_observation(*self.bank.coefficients(flat, entry))
        return coupled_loss(vae, state, observed, vae.decoder.target(fields))

    def refresh(self, step: int) -> None:
        """Replace old trajectories and sensors when due; call it after every step."""
        if step % self.recipe.refresh == 0:
            self.pool.replace()
        if step % 100 == 0:
            self.bank.replace(step // 100 % len(self.bank.noise))

    @torch.no_grad()
    def measure_latent(self) -> None:
        """Set the autoencoder's ``mean`` and ``std`` to those of z over the pool."""
        encoded = [self.vae.of_fields(self._on_grid(run)) for run in self.pool.data]
        mean = torch.stack([z.mean for z in encoded]).flatten(0, 1)
        own = torch.stack([z.variance for z in encoded]).flatten(0, 1)
        self.vae.mean.copy_(mean.mean(0))
        self.vae.std.copy_((mean.var(0) + own.mean(0)).sqrt())

    def _on_grid(self, flat: Tensor) -> Tensor:
        return flat.float().unflatten(-1, self.benchmark.grid_shape)


def coupled_loss(vae: CoupledVAE, state: Normal, observed: Normal, target: Tensor) -> Tensor:
    """Loss of two distributions (..., L) of z; ``target``: the decoder's target of the fields."""
    reconstruction = vae.decoder.loss(state.rsample(), target).mean()
    reconstruction = reconstruction + vae.decoder.loss(observed.rsample(), target).mean()
    prior = kl_divergence(state, PRIOR) + kl_divergence(observed, PRIOR)
    coupling = kl_divergence(state, observed)
    divergence = PRIOR_WEIGHT * prior + COUPLING_WEIGHT * coupling
    return reconstruction + divergence.sum(-1).mean()


def train_vae(
    benchmark: Benchmark, recipe: Recipe, seed: int, device: torch.device, folder: Path
) -> CoupledVAE:
    """Train a coupled autoencoder from nothing, or from the checkpoint in ``folder``."""
    training = VAETraining(benchmark, recipe, seed, device)
    vae = training.vae
    trainer = Trainer(
        vae, training.loss, vae.hidden_matrices(), recipe.vae_steps, seed, folder / "vae.checkpoint"
    )
    trainer.run("autoencoder", training.refresh)
    training.measure_latent()
    return vae.requires_grad_(False).eval()
