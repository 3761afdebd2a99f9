"""A decoder that gives the coefficients of a field in an orthonormal basis.

A residual network maps the latent state to low-frequency coefficients of every variable. The
training loss is taken on the coefficients (Parseval). The basis can be evaluated at any point, so
the decoder is mesh-free like a coordinate network, and much cheaper on a grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.domains.bases import Basis
from ldensf_core.surrogate.decoder import Decoder

NEGLIGIBLE = 1e-4
"""Share of an ensemble's variance that its spread may neglect."""
DIRECT = 1000
"""Most members whose fields are in GPU memory at once."""
SMALLEST_SCALE = 1e-3
"""Floor of a coefficient's scale, relative to the largest: below, errors do not matter."""


class ResidualBlock(nn.Module):
    """h + W₂ gelu(W₁ norm(h))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, dtype=torch.float32)
        self.first = nn.Linear(width, width, dtype=torch.float32)
        self.second = nn.Linear(width, width, dtype=torch.float32)

    def forward(self, h: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        return h + self.second(nn.functional.gelu(self.first(self.norm(h))))


@dataclass(frozen=True)
class SpectralSizes:
    """Sizes of a spectral decoder.

    Attributes:
        coefficients: approximate number, of all variables together.
        width, blocks: width and number of residual blocks.
        last: width of the last hidden layer, which bounds the rank of decoded fields; it is
            wider than the residual stream.
        features: number of learned sines; ``frequency`` is the initial standard deviation of
            their arguments for a latent state of unit variance.
    """

    coefficients: PositiveInt
    width: PositiveInt
    blocks: PositiveInt
    last: PositiveInt
    features: PositiveInt
    frequency: PositiveFloat = 12.6


class SpectralDecoder(Decoder):
    """Latent state → coefficients of the normalised fields in an orthonormal basis.

    Inputs are the latent state and learned sines of it, because a front that crosses the domain
    makes coefficients oscillate many times along each latent direction.

    Args:
        basis: of about ``sizes.coefficients`` functions.

    Attributes:
        scales: (K,), typical size of each coefficient, its unit in the network; 1 until
            ``scale_to`` sets it.
    """

    name = "spectral"
    title = "Spectral"
    sentence = (
        "A residual network gives the coefficients of the fields in an orthonormal basis of the "
        "domain, which can be evaluated at any point."
    )
    Sizes = SpectralSizes

    def __init__(self, basis: Basis, n_latent: int, sizes: SpectralSizes) -> None:
        super().__init__()
        width, features = sizes.width, sizes.features
        self.basis = basis
        self.register_buffer("scales", torch.ones(basis.count, dtype=torch.float32))
        self.waves = nn.Linear(n_latent, features, dtype=torch.float32)
        nn.init.normal_(self.waves.weight, std=sizes.frequency / math.sqrt(n_latent))
        nn.init.uniform_(self.waves.bias, -math.pi, math.pi)
        self.first = nn.Linear(n_latent + features, width, dtype=torch.float32)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(sizes.blocks)))
        self.widen = nn.Linear(width, sizes.last, dtype=torch.float32)
        self.last = nn.Linear(sizes.last, basis.count, dtype=torch.float32)

    @classmethod
    def build(cls, benchmark: Benchmark, n_latent: int, sizes: SpectralSizes) -> SpectralDecoder:
        """An untrained decoder in the basis of a benchmark's fields."""
        return cls(benchmark.basis(sizes.coefficients), n_latent, sizes)

    def forward(self, latent: Tensor) -> Tensor:
        """Latent (..., L) → coefficients (..., K) of the normalised fields."""
        return self.last(self._hidden(latent)) * self.scales

    def _hidden(self, latent: Tensor) -> Tensor:
        """Latent (..., L) → output of the last hidden layer (..., last)."""
        h = self.first(torch.cat([latent, torch.sin(self.waves(latent))], dim=-1))
        return nn.functional.gelu(self.widen(self.blocks(h)))

    def on_grid(self, latent: Tensor) -> Tensor:
        """Normalised fields on the grid: (..., L) → (..., V, ny, nx)."""
        return self.basis.synthesise(self(latent))

    def moments(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (unbiased) of the fields of an ensemble.

        Latent (M, L) → normalised fields (V, ny, nx), each. Synthesis is linear: the mean needs
        one, and the spread one for each direction in coefficient space with a relevant share of
        the ensemble's variance, far fewer than members. On a GPU it is quicker to synthesise all
        members than to find those directions. Equal members have spread zero; an ensemble that is
        not finite has spread NaN.
        """
        coefficients = self(latent)
        if coefficients.is_cuda and len(latent) <= DIRECT:
            correction = min(1, len(latent) - 1)
            spread, mean = torch.std_mean(
                self.basis.synthesise(coefficients), dim=0, correction=correction
            )
            return mean, spread
        mean = coefficients.mean(0)
        # First subtract one member: equal members then give exactly zero, whereas subtracting the
        # mean leaves its rounding errors. Eigenvectors of such matrices, of low rank, are now and
        # then NaN in single precision.
        departures = coefficients - coefficients[0]
        anomalies = (departures - departures.mean(0)) / math.sqrt(max(1, len(latent) - 1))
        products = (anomalies @ anomalies.mT).double()
        if not products.isfinite().all():
            fields = self.basis.synthesise(mean)
            return fields, torch.full_like(fields, torch.nan)
        variances, directions = torch.linalg.eigh(products)
        unseen = variances.clamp_min(0).cumsum(0) <= NEGLIGIBLE * variances.sum()
        patterns = directions[:, ~unseen].mT.to(anomalies) @ anomalies
        fields = self.basis.synthesise(torch.cat([mean[None], patterns]))
        spread = (fields[1:] - self.basis.rest[:, None, None]).square().sum(0).sqrt()
        return fields[0], spread

    def recordable(self, members: int) -> bool:
        """If all members are synthesised: finding directions needs a decision on the CPU."""
        return members <= DIRECT

    def at(self, latent: Tensor, positions: Tensor) -> Tensor:
        """Normalised fields at ``positions`` (n, 2), (x, y): (..., L) → (..., n, V)."""
        return self.basis.at(self(latent), positions)

    def probe(self, positions: Tensor) -> Callable[[Tensor], Tensor]:
        """``at`` for fixed ``positions``: basis and last layer are one matrix."""
        waves = self.basis.evaluate(positions) * self.scales  # (V, n, K), double precision
        v, n = waves.shape[:2]
        to_value = (waves @ self.last.weight.double()).transpose(0, 1).flatten(0, 1).float()
        rest = (waves @ self.last.bias.double()).mT + self.basis.rest
        rest = rest.flatten().float()

        def values(latent: Tensor) -> Tensor:
            return nn.functional.linear(self._hidden(latent), to_value, rest).unflatten(-1, (n, v))

        return values

    def target(self, fields: Tensor) -> Tensor:
        """Training targets: coefficients of normalised fields."""
        return self.basis.analyse(fields)

    def loss(self, latent: Tensor, target: Tensor) -> Tensor:
        """Squared coefficient error relative to the energy of the variables, (...)."""
        return (self(latent) - target).square().sum(-1) / self.scales.square().sum()

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights of the residual blocks and of the two layers after them.

        The last layer is included: it is the largest, and training uses its full rank.
        """
        blocks = [layer.weight for b in self.blocks for layer in (b.first, b.second)]
        return [*blocks, self.widen.weight, self.last.weight]

    def scale_to(self, target: Tensor) -> None:
        """Work in units of the root mean square of each coefficient: target (B, T, K)."""
        scales = target.square().mean((0, 1)).sqrt()
        self.scales.copy_(scales.clamp_min(SMALLEST_SCALE * float(scales.max())))
