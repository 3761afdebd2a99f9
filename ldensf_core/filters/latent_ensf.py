"""Latent-EnSF: score filter in the latent space of a coupled autoencoder, forecast by the PDE.

Si and Chen (arXiv 2409.00127). An analysis encodes the fields of every member; a second encoder
maps the observation into the same latent space, so that every component is observed. EnSF corrects
the latent members. They are decoded to new fields, from which the solver continues. As published,
the unknown parameters are never corrected.

The score filter is the published Euler loop, collapsed into its affine map (``score``), in units
of the standard deviation of z over training states. The observation encoder gives the observation
noise; it is raised to the stability limit of the Euler steps (0.087 with 100 steps). As in full
space, the number of steps sets the gain and the added noise, 0.367 and 0.157 at σ = 0.1; here the
decoder removes most of that noise.

The autoencoder was trained on fields of the benchmark's runs. Every analysis loses what it cannot
represent, so its reconstruction error is a lower bound of the filter's error.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ldensf_core.analyses.score import AffineMap, published_map, smallest_stable_sigma
from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import captured
from ldensf_core.encoders.autoencoder import CoupledVAE, ObservationReader
from ldensf_core.filters.ensf import Epsilon, Steps
from ldensf_core.filters.full_space import FullSpaceFilter
from ldensf_core.observations import Observation
from ldensf_core.weights.checkpoints import load_vae


class LatentEnSF(FullSpaceFilter):
    """Latent-EnSF with the published score and schedule.

    ``Benchmark.corrected`` adds the difference between new and old fields to the solver's state;
    on a staggered grid it averages that of a velocity over neighbours. The autoencoder always works
    in single precision.

    Args:
        benchmark: whose solver carries the members.
        device, dtype: of the ensemble.
        steps, epsilon: of the reverse SDE.
        vae: on ``device``, for the benchmark; by default the shipped one is loaded.

    Raises:
        ValueError: for ``steps`` and ``epsilon`` that ``smallest_stable_sigma`` refuses.
        CheckpointError: if the shipped autoencoder cannot be loaded.
    """

    name = "latent-ensf"
    title = "Latent-EnSF"
    sentence = "Corrects the fields in the latent space of an autoencoder, with the score filter."
    corrects_parameters = False

    def __init__(
        self,
        benchmark: Benchmark,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        steps: Steps = 100,
        epsilon: Epsilon = 0.05,
        vae: CoupledVAE | None = None,
    ) -> None:
        super().__init__(benchmark, device, dtype)
        self.steps, self.epsilon = steps, epsilon
        self.smallest_sigma = smallest_stable_sigma(self.steps, self.epsilon)
        self.vae = load_vae(benchmark, self.device) if vae is None else vae
        self._reader = ObservationReader(benchmark, self.vae)

    @torch.no_grad()
    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0.

        Raises:
            ValueError: if ``members`` is below 1.
        """
        super().reset(members, seed)
        self._generator = torch.Generator(self.device).manual_seed(seed)
        example = (self.state, *(torch.zeros_like(self.vae.mean) for _ in range(3)))
        self._correct = captured(self._after, *example, generator=self._generator)

    @torch.no_grad()
    def correct(self, observation: Observation) -> None:
        """Correct the ensemble; missing values carry no information."""
        y, rule = self.observed(observation)
        pull = torch.where(rule.c == 0, 0.0, rule.c * y)
        self.state = self._correct(self.state, rule.b, pull, rule.s)

    def observed(self, observation: Observation) -> tuple[Tensor, AffineMap]:
        """The latent observation (L,), in units of z's standard deviation, and its analysis."""
        z = self._reader.read(observation)
        # NaN from the encoder, after an extreme value, carries no information.
        sigma = (z.stddev / self.vae.std).nan_to_num(nan=torch.inf).clamp_min(self.smallest_sigma)
        rule = published_map(sigma, self.steps, self.epsilon)
        return (z.mean - self.vae.mean) / self.vae.std, rule

    def _after(self, state: Tensor, b: Tensor, pull: Tensor, s: Tensor) -> Tensor:
        """States after the analysis x = b x₀ + pull + s ξ of each latent component."""
        mean, std = self.vae.mean, self.vae.std
        before = self.benchmark.normalise(self.benchmark.fields(state)).to(mean.dtype)
        prior = (self.vae.of_fields(before).mean - mean) / std
        noise = torch.randn(
            prior.shape, generator=self._generator, dtype=prior.dtype, device=prior.device
        )
        after = self.vae.fields(mean + std * (b * prior + pull + s * noise))
        return self._corrected(state, (after - before).to(self.dtype))
