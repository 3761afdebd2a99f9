"""The interface of decoders, the part of a surrogate that turns latent states into fields.

A new kind of decoder is a subclass of ``Decoder`` in one file. It has a name, a class of sizes, and
a map from latent states to fields on the grid; it inherits the rest::

    @dataclass(frozen=True)
    class LinearSizes:
        rank: PositiveInt


    @register_decoder
    class LinearDecoder(Decoder):
        name = "linear"
        title = "Linear"
        sentence = "Every value on the grid is a linear function of the latent state."
        Sizes = LinearSizes

        def __init__(self, benchmark, n_latent, sizes):
            super().__init__(benchmark)
            self.shape = len(benchmark.variables), *benchmark.grid_shape
            self.first = nn.Linear(n_latent, sizes.rank)
            self.last = nn.Linear(sizes.rank, math.prod(self.shape))

        def on_grid(self, latent):
            return self.last(self.first(latent)).unflatten(-1, self.shape)

Fields are normalised throughout: in units of each variable's standard deviation, without its
mean. Positions are (x, y), in the units of the benchmark's axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import SensorNetwork


class Decoder(nn.Module, ABC):
    """Latent state → normalised fields.

    Training changes its parameters. Buffers are saved with them; ``scale_to`` may fill them. Large
    matrices are saved in half precision.

    Args:
        benchmark: of the fields; optional for a decoder that overrides ``probe`` and ``loss``.

    Attributes:
        name: in cards and recipes; lower case, with hyphens.
        title: for people; ``sentence``: what it is, in one sentence.
        Sizes: dataclass of all numbers that define the decoder, besides the benchmark and the
            size of the latent state. Pydantic checks the types of its fields when they are read
            from a card.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    Sizes: ClassVar[type]

    def __init__(self, benchmark: Benchmark | None = None) -> None:
        super().__init__()
        self.benchmark = benchmark
        if benchmark is not None:
            area = benchmark.domain.areas(torch.empty(0, dtype=torch.float64)).float()
            self.register_buffer("area", area, persistent=False)

    @classmethod
    def build(cls, benchmark: Benchmark, n_latent: int, sizes: Any) -> Decoder:
        """An untrained decoder of L = ``n_latent`` numbers; ``sizes`` is a ``cls.Sizes``.

        The same state of torch's random generator gives the same decoder.
        """
        return cls(benchmark, n_latent, sizes)

    # -- fields ---------------------------------------------------------------------------

    @abstractmethod
    def on_grid(self, latent: Tensor) -> Tensor:
        """Fields on the grid: (..., L) → (..., V, ny, nx)."""

    def at(self, latent: Tensor, positions: Tensor) -> Tensor:
        """Fields at ``positions`` (n, 2): (..., L) → (..., n, V).

        Raises:
            ValueError: by default, if a position is outside the domain.
        """
        return self.probe(positions)(latent)

    def probe(self, positions: Tensor) -> Callable[[Tensor], Tensor]:
        """``at`` for fixed ``positions`` (n, 2), prepared once: latent (..., L) → (..., n, V).

        By default bilinear interpolation on the grid.

        Raises:
            ValueError: by default, if a position is outside the domain.
        """
        places = SensorNetwork.at(self.benchmark, positions.detach().cpu().numpy())
        points, weights = (part.to(positions.device) for part in places.stencils())
        weights = weights.float()

        def values(latent: Tensor) -> Tensor:
            cells = self.on_grid(latent).flatten(-2)[..., points]  # (..., V, n, 4)
            return (cells * weights.to(cells)).sum(-1).mT

        return values

    def moments(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (unbiased) of an ensemble's fields, (V, ny, nx) each.

        ``latent``: (M, L); the spread of one member is zero. By default the fields of all members
        are in memory at once.
        """
        correction = min(1, len(latent) - 1)
        spread, mean = torch.std_mean(self.on_grid(latent), dim=0, correction=correction)
        return mean, spread

    def recordable(self, members: int) -> bool:
        """Whether ``moments`` of this number of members can be recorded as a CUDA graph.

        If so, a cycle is faster. Number and shapes of the operations must depend only on the shape
        of the states, the CPU must not read any value, and all memory is needed at once.
        """
        return False

    # -- training -------------------------------------------------------------------------

    def target(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) in the form that ``loss`` takes: (..., any shape).

        Training keeps thousands of trajectories in this form.
        """
        return fields.half()

    def loss(self, latent: Tensor, target: Tensor) -> Tensor:
        """Error of the decoded fields, which training minimises: (..., L) → (...).

        A squared error relative to the variance of the fields: a loss of 1 is no better than the
        mean, 1e-4 is an error of one per cent. By default over all grid points, weighted with
        area.
        """
        square = (self.on_grid(latent) - target).square().mean(-3)
        return (self.area * square).mean((-2, -1))

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers, for Muon; by default none, so that Adam trains all."""
        return []

    def scale_to(self, target: Tensor) -> None:
        """Set its units from the targets (B, T, ...) of many trajectories, before training.

        By default the units are those of normalised fields.
        """
