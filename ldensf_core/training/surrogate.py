"""Training of LDNet in its two published stages.

The first stage trains dynamics and decoder together, through the roll-out. The second stage trains
the decoder alone with frozen dynamics; its steps need no roll-out, so it takes several times more
of them. In the second stage some latent states get noise: a filter's members are never exactly on
the trajectories of the dynamics, and a decoder trained without noise magnifies such departures by
orders of magnitude.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.surrogate import LDNet
from ldensf_core.training.loop import Trainer
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import Recipe
from ldensf_core.weights.architecture import build_ldnet

NOISE = (-2.5, -0.5)
"""Range of log₁₀ of a noisy state's noise, in units of the training standard deviation."""
STEEPNESS = 500.0
"""Expected relative error for a noise of 1, over that without noise: sets the loss weights."""


def muon_matrices(model: LDNet) -> list[nn.Parameter]:
    """The matrices for Muon, among parameters that require a gradient; Adam trains the rest."""
    hidden = [*model.hidden_matrices(), *model.decoder.hidden_matrices()]
    return [p for p in hidden if p.requires_grad]


class SurrogateTraining:
    """An LDNet, its training trajectories, and the trainers of its two stages.

    Args:
        given: unit parameters (pool, P) of the trajectories, instead of draws from the prior.

    Attributes:
        model: the network, on ``device``; ``scale_to`` of its decoder has been called.
        pool: targets of the decoder.
        latent: states of the pool's trajectories, (size, T, L), for the second stage.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        given: Tensor | None = None,
    ) -> None:
        self.recipe, self.seed, self.n_times = recipe, seed, benchmark.n_times
        torch.manual_seed(seed)
        self.model = build_ldnet(benchmark, recipe.architecture).to(device)
        target = self.model.decoder.target
        self.pool = TrajectoryPool(
            benchmark, target, recipe.pool, recipe.chunk, 1000 + seed, device, given
        )
        self.model.decoder.scale_to(self.pool.data)
        shape = (recipe.pool, self.n_times, self.model.n_latent)
        self.latent = self.pool.parameters.new_empty(shape)

    def joint(self, steps: int, checkpoint: Path | None = None) -> Trainer:
        """The trainer of dynamics and decoder together."""

        def loss() -> Tensor:
            chosen = self._draw(self.recipe.pool, self.recipe.batch)
            states = self.model.rollout(self.pool.parameters[chosen], self.n_times)
            return self.model.decoder.loss(states, self.pool.data[chosen]).mean()

        return Trainer(self.model, loss, muon_matrices(self.model), steps, self.seed, checkpoint)

    def decoder(self, steps: int, checkpoint: Path | None = None) -> Trainer:
        """The trainer of the decoder alone; freezes the present dynamics."""
        self.model.dynamics.requires_grad_(False)
        self._roll_out()
        batch = self.recipe.decoder_batch * self.n_times
        noisy = round(self.recipe.noisy * batch)
        deviation = self.latent.flatten(0, 1).std(0)

        def loss() -> Tensor:
            chosen = self._draw(self.recipe.pool * self.n_times, batch)
            latent, target = self.latent.flatten(0, 1)[chosen], self.pool.data.flatten(0, 1)[chosen]
            noise = noise_levels(noisy, batch, latent.device)
            latent = latent + noise[:, None] * deviation * torch.randn_like(latent)
            weight = 1 / (1 + (STEEPNESS * noise).square())
            return (weight * self.model.decoder.loss(latent, target)).mean()

        matrices, decay = muon_matrices(self.model), self.recipe.decoder_decay
        return Trainer(self.model, loss, matrices, steps, self.seed + 1, checkpoint, decay)

    def refresh(self, step: int) -> None:
        """Replace old trajectories when due; call it after every step."""
        if step % self.recipe.refresh == 0:
            self.pool.replace()
            self._roll_out()

    @torch.no_grad()
    def _roll_out(self) -> None:
        self.latent.copy_(self.model.rollout(self.pool.parameters, self.n_times))

    def _draw(self, among: int, n: int) -> Tensor:
        return torch.randint(0, among, (n,), device=self.latent.device)


def noise_levels(noisy: int, batch: int, device: torch.device) -> Tensor:
    """Standard deviation of the noise of each state in a batch: zero except for the first ones."""
    low, high = NOISE
    drawn = 10 ** (low + (high - low) * torch.rand(noisy, dtype=torch.float32, device=device))
    return nn.functional.pad(drawn, (0, batch - noisy))


def train_surrogate(
    benchmark: Benchmark, recipe: Recipe, seed: int, device: torch.device, folder: Path
) -> LDNet:
    """Train an LDNet from nothing, or from the checkpoints in ``folder``.

    Returns the trained network on ``device``.
    """
    training = SurrogateTraining(benchmark, recipe, seed, device)
    joint = training.joint(recipe.joint_steps, folder / "joint.checkpoint")
    joint.run("dynamics and decoder", training.refresh)
    del joint  # its graph holds memory
    decoder = training.decoder(recipe.decoder_steps, folder / "decoder.checkpoint")
    decoder.run("decoder", training.refresh)
    return training.model.requires_grad_(False).eval()
