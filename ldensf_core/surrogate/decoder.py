"""What a decoder is: the part of a surrogate that makes fields of a latent state.

A new kind of decoder is a subclass of ``Decoder`` in one file. It says what it is called, names
the sizes that it is built of, and maps latent states to fields on the grid; the rest it inherits::

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
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ldensf_core.benchmarks import Benchmark
from ldensf_core.observations import SensorNetwork


class Decoder(nn.Module, ABC):
    """Latent state → normalised fields.

    What training changes are its parameters; what else has to be saved with them are its buffers,
    which ``scale_to`` may fill. Large matrices are saved in half precision.

    Args:
        benchmark: whose fields these are. A decoder that has its own ``at`` and ``loss`` may do
            without.

    Attributes:
        name: in cards and recipes; lower case, with hyphens.
        title: for people; ``sentence`` tells them in one what this decoder is.
        Sizes: the dataclass of all numbers that a decoder is built of beside the benchmark and
            the size of the latent state. Its fields are checked, as pydantic understands their
            types, when they are read from a card.
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
        """An untrained decoder of L = ``n_latent`` numbers; ``sizes`` are ``cls.Sizes``.

        Always the same one from the same state of torch's random generator.
        """
        return cls(benchmark, n_latent, sizes)

    # -- fields ---------------------------------------------------------------------------

    @abstractmethod
    def on_grid(self, latent: Tensor) -> Tensor:
        """Fields on the grid: (..., L) → (..., V, ny, nx)."""

    def at(self, latent: Tensor, positions: Tensor) -> Tensor:
        """Fields at ``positions`` (n, 2): (..., L) → (..., n, V).

        By default interpolated bilinearly between the points of the grid.

        Raises:
            ValueError: by default, for a position outside the domain.
        """
        places = SensorNetwork.at(self.benchmark, positions.detach().cpu().numpy())
        return places.values(self.on_grid(latent))

    def moments(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (unbiased) of an ensemble's fields, (V, ny, nx) each.

        ``latent`` is (M, L); one member has no spread. By default the fields of all members are
        held at once.
        """
        correction = min(1, len(latent) - 1)
        spread, mean = torch.std_mean(self.on_grid(latent), dim=0, correction=correction)
        return mean, spread

    def recordable(self, members: int) -> bool:
        """Whether ``moments`` of so many members can be recorded as a CUDA graph.

        That takes operations whose number and shapes depend on the shape of the states alone, no
        look at a value from the CPU, and all memory at once. Where it is so, a cycle is shorter.
        """
        return False

    # -- training -------------------------------------------------------------------------

    def target(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) in the form that ``loss`` compares with: (..., any shape).

        Thousands of trajectories are kept in this form while a surrogate is trained.
        """
        return fields.half()

    def loss(self, latent: Tensor, target: Tensor) -> Tensor:
        """Error of the fields that each state decodes to, to be made small: (..., L) → (...).

        A squared error relative to the variance of the fields, so that a loss of one tells
        nothing about them, and 1e-4 is an error of one per cent. By default it is that of all
        values on the grid, weighted with the area that they stand for.
        """
        square = (self.on_grid(latent) - target).square().mean(-3)
        return (self.area * square).mean((-2, -1))

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights between its many hidden quantities, which Muon trains; by default Adam does."""
        return []

    def scale_to(self, target: Tensor) -> None:
        """Take its units from the targets (B, T, ...) of many trajectories, before training.

        By default those of normalised fields do.
        """
