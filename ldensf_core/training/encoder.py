"""Training of the history encoder on fresh trajectories, observed by random sensor networks.

The targets are the surrogate's latent state and the true parameters. The loss is the negative
Gaussian log-likelihood, so that the predicted standard deviation matches the encoder's real error
on unseen trajectories.

With ``varied``, networks are as users make them, a quarter of the trajectories sees another one
from some time on, and parameters are drawn a little beyond the prior too, so that its ends are
nothing special.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders import HistoryEncoder
from ldensf_core.surrogate import LDNet
from ldensf_core.training.loop import Trainer
from ldensf_core.training.networks import NetworkBank
from ldensf_core.training.pool import TrajectoryPool
from ldensf_core.training.recipes import Recipe
from ldensf_core.weights.architecture import build_encoder

BEYOND = 0.05
"""Share of the prior's width by which a varied training draws parameters beyond it."""


@torch.no_grad()
def statistics(
    benchmark: Benchmark, coefficients: int, model: LDNet, pool: TrajectoryPool
) -> dict[str, Tensor]:
    """Statistics for ``build_encoder``, from a pool of fields (size, T, V, ny*nx)."""
    found = field_statistics(benchmark, coefficients, pool)
    states = model.rollout(pool.parameters, benchmark.n_times).flatten(0, 1)
    repeated = pool.parameters.repeat_interleave(benchmark.n_times, dim=0)
    targets = torch.cat([states, repeated], dim=-1)
    return found | {"mean": targets.mean(0), "std": targets.std(0)}


@torch.no_grad()
def field_statistics(
    benchmark: Benchmark, coefficients: int, pool: TrajectoryPool
) -> dict[str, Tensor]:
    """Statistics for an interpolation to ``coefficients`` numbers, from such a pool.

    Returns:
        ``deviations`` (K,) of the coefficients and ``residual`` (V,), the variance left out.
    """
    basis = benchmark.basis(coefficients).to(pool.data.device)
    area = benchmark.domain.areas(basis.rest)
    squared, total = 0.0, 0.0
    sample = pool.data[:: max(1, len(pool.data) // 256)]
    for run in sample:
        fields = run.float().unflatten(-1, benchmark.grid_shape)
        squared = squared + basis.analyse(fields).square().mean(0) / len(sample)
        departures = fields - basis.rest[:, None, None]
        total = total + (area * departures.square()).mean((0, 2, 3)) / len(sample)
    described = torch.zeros_like(total)
    for group in basis.groups:
        # If a coefficient describes several variables, their residual is split evenly.
        variables = list(group.variables)
        energy = squared[group.coefficients].sum()
        described[variables] += energy * total[variables] / total[variables].sum()
    return {
        "deviations": squared.sqrt().clamp_min(1e-4),
        "residual": (total - described).clamp_min(1e-6),
    }


def observed_times(batch: int, n_times: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Random subsets of the snapshots, in order, padded with unobserved ones at the end.

    A third of the trajectories is observed at every time, a third at regular intervals of up to
    ten, a third with a random share of the times missing.

    Returns:
        snapshot of each observation (batch, n_times), and 1 for an observation, 0 for padding.
    """
    times = torch.arange(n_times, device=device)
    every = torch.randint(1, 11, (batch, 1), device=device)
    share = torch.rand(batch, 1, dtype=torch.float32, device=device)
    regular = times % every == 0
    random = torch.rand(batch, n_times, dtype=torch.float32, device=device) > share
    kind = torch.rand(batch, 1, dtype=torch.float32, device=device)
    kept = (
        (regular & (kind < 1 / 3)) | (random & (1 / 3 <= kind) & (kind < 2 / 3)) | (kind >= 2 / 3)
    )
    order = torch.argsort((~kept).int(), dim=1, stable=True)
    return order, kept.gather(1, order).float()


def train_encoder(
    benchmark: Benchmark,
    recipe: Recipe,
    model: LDNet,
    seed: int,
    device: torch.device,
    folder: Path,
) -> HistoryEncoder:
    """Train an encoder for ``model`` from nothing, or from the checkpoint in ``folder``."""

    def flat_half(fields: Tensor) -> Tensor:
        return fields.flatten(-2).half()

    size = recipe.encoder_pool
    pool = TrajectoryPool(
        benchmark, flat_half, size, recipe.chunk, 2000 + seed, device, beyond=BEYOND * recipe.varied
    )
    torch.manual_seed(seed)
    sizes = recipe.architecture.encoder
    found = statistics(benchmark, sizes.coefficients, model, pool)
    encoder = build_encoder(benchmark, model.n_latent, sizes, found).to(device)
    bank = NetworkBank(
        encoder.interpolation,
        benchmark,
        recipe.networks,
        (1, recipe.sensors[1]) if recipe.varied else recipe.sensors,
        recipe.most_noise,
        seed,
        recipe.varied,
    )
    latent = encoder.mean.new_empty(size, benchmark.n_times, model.n_latent)

    @torch.no_grad()
    def roll_out() -> None:
        latent.copy_(model.rollout(pool.parameters, benchmark.n_times))

    def measured(fields: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients and unknown shares of a batch (B, T, V, ny*nx), as of the bank."""
        batch, n_times = fields.shape[:2]
        entry = torch.randint(0, recipe.networks, (batch,), device=device)
        coefficients, unknown = bank.coefficients(fields, entry)
        if not recipe.varied:
            return coefficients, unknown
        some = batch // 4
        entry = torch.randint(0, recipe.networks, (some,), device=device)
        later = bank.coefficients(fields[:some], entry)
        since = torch.randint(0, n_times, (some, 1), device=device)
        after = (torch.arange(n_times, device=device) >= since)[..., None]
        coefficients, unknown = (
            torch.cat([torch.where(after, new, old[:some]), old[some:]])
            for new, old in zip(later, (coefficients, unknown), strict=True)
        )
        return coefficients, unknown

    def loss() -> Tensor:
        batch, n_times = recipe.encoder_batch, benchmark.n_times
        chosen = torch.randint(0, size, (batch,), device=device)
        coefficients, unknown = measured(pool.data[chosen])
        index, kept = observed_times(batch, n_times, device)
        rows = torch.arange(batch, device=device)[:, None]
        mean, std, _ = encoder(coefficients[rows, index], unknown, index)
        parameters = pool.parameters[chosen][:, None].expand(batch, n_times, -1)
        target = torch.cat([latent[chosen[:, None], index], parameters], dim=-1)
        likelihood = 0.5 * ((mean - target) / std).square() + torch.log(std / encoder.std)
        # Rarely a batch has no observation; its loss is then zero.
        return (likelihood.mean(-1) * kept).sum() / kept.sum().clamp_min(1)

    def refresh(step: int) -> None:
        if step % recipe.refresh == 0:
            pool.replace()
            roll_out()
        if step % 20 == 0:
            bank.replace(step // 20 % recipe.networks)

    roll_out()
    matrices = [
        encoder.read[0].weight,
        encoder.read[2].weight,
        encoder.recur.weight_ih_l0,
        encoder.recur.weight_hh_l0,
        encoder.write[0].weight,
    ]
    trainer = Trainer(
        encoder,
        loss,
        matrices,
        recipe.encoder_steps,
        seed,
        folder / "encoder.checkpoint",
        recipe.encoder_decay,
    )
    trainer.run("encoder", refresh)
    return encoder.requires_grad_(False).eval()
