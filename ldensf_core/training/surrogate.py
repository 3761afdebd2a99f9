"""Training of LDNet in its two published stages.

First dynamics and decoder together, through the roll-out; then the decoder alone with the
dynamics frozen, which needs no roll-out in its steps and so takes several times as many.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ldensf_core.architecture import build_ldnet
from ldensf_core.benchmarks import Benchmark
from ldensf_core.surrogate import BASES, LDNet
from ldensf_core.training.loop import Trainer
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import Recipe

SMALLEST_SCALE = 1e-3
"""Floor of a coefficient's scale, relative to the largest: below, errors do not matter."""


def hidden_matrices(module: nn.Module) -> list[nn.Parameter]:
    """The square-ish matrices between hidden layers, which Muon trains."""
    return [
        p
        for name, p in module.named_parameters()
        if p.requires_grad
        and p.ndim == 2
        and any(part in name for part in ("blocks", "widen", "dynamics.2"))
    ]


def train_surrogate(
    benchmark: Benchmark, recipe: Recipe, seed: int, device: torch.device, folder: Path
) -> LDNet:
    """Train an LDNet from nothing, or from the checkpoints in ``folder``.

    Returns the trained network on ``device``.
    """
    basis = BASES[benchmark.name](benchmark, recipe.architecture.coefficients).to(device)
    pool = TrajectoryPool(benchmark, basis.analyse, recipe.pool, recipe.chunk, 1000 + seed, device)
    scales = pool.data.square().mean((0, 1)).sqrt()
    torch.manual_seed(seed)
    scales = scales.clamp_min(SMALLEST_SCALE * float(scales.max()))
    model = build_ldnet(benchmark, recipe.architecture, scales).to(device)
    latent = scales.new_empty(recipe.pool, benchmark.n_times, model.n_latent)

    def joint_loss() -> Tensor:
        chosen = torch.randint(0, recipe.pool, (recipe.batch,), device=device)
        states = model.rollout(pool.parameters[chosen], benchmark.n_times)
        return model.decoder.loss(states, pool.data[chosen])

    def decoder_loss() -> Tensor:
        rows = recipe.batch * benchmark.n_times
        chosen = torch.randint(0, recipe.pool * benchmark.n_times, (rows,), device=device)
        return model.decoder.loss(latent.flatten(0, 1)[chosen], pool.data.flatten(0, 1)[chosen])

    def refresh(step: int) -> None:
        if step % recipe.refresh == 0:
            pool.replace()

    def refresh_latent(step: int) -> None:
        refresh(step)
        if step % recipe.refresh == 0:
            roll_out()

    @torch.no_grad()
    def roll_out() -> None:
        latent.copy_(model.rollout(pool.parameters, benchmark.n_times))

    trainer = Trainer(
        model,
        joint_loss,
        hidden_matrices(model),
        recipe.joint_steps,
        seed,
        folder / "joint.checkpoint",
    )
    trainer.run("dynamics and decoder", refresh)
    model.dynamics.requires_grad_(False)
    roll_out()
    trainer = Trainer(
        model,
        decoder_loss,
        hidden_matrices(model),
        recipe.decoder_steps,
        seed + 1,
        folder / "decoder.checkpoint",
    )
    trainer.run("decoder", refresh_latent)
    return model.requires_grad_(False).eval()
