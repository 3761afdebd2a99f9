"""Latent-EnSF: the score filter in the latent space of a coupled autoencoder, the PDE in full.

Si and Chen (arXiv 2409.00127). At an analysis the fields of every member are encoded, and the
observation by an encoder of its own into the same latent space, where everything is then
observed; EnSF corrects the latent members, and what is decoded of them are the members' new
fields, from which the solver goes on. The unknown parameters stay the prior's draws: as
published, nothing corrects them.

The score filter is the published Euler loop, collapsed into its affine map (``score``), in units
of z's standard deviation over training states. Its observation noise is what the observation
encoder states, raised where it is below the limit at which the Euler steps are stable (0.087
with 100 steps). As in full space, the number of steps sets the gain and the noise that comes
with it, 0.367 and 0.157 at σ = 0.1; here the decoder takes most of that noise away again.

The autoencoder knows fields of the benchmark's own runs. What it cannot tell apart or express is
lost at every analysis, so that the error of its reconstruction is the floor under the filter's.
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

    The difference between new and old fields reaches the solver's state through
    ``Benchmark.corrected``; on a staggered grid a velocity's is averaged over neighbours on the
    way. The autoencoder works in single precision whatever the ensemble's.

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
    def analyse(self, observation: Observation) -> None:
        """Correct the ensemble with an observation of its present snapshot.

        Missing values carry no information; with all of them missing nothing changes.
        """
        if not observation.empty:
            y, rule = self.observed(observation)
            pull = torch.where(rule.c == 0, 0.0, rule.c * y)
            self.state = self._correct(self.state, rule.b, pull, rule.s)

    def observed(self, observation: Observation) -> tuple[Tensor, AffineMap]:
        """The latent observation (L,), in units of z's spread, and the analysis with it."""
        z = self._reader.read(observation)
        # An encoder that a wild value has made say NaN says nothing.
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
