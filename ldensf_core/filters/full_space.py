"""What filters share that run the benchmark's solver for every member.

Every member has its own parameters, drawn from the prior, and its own state, which the solver
carries forward. An analysis is made of fields in units of their training standard deviation; its
increment reaches the solver's state through ``Benchmark.corrected``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.capture import captured
from ldensf_core.filters.base import Estimate
from ldensf_core.observations import Observation


class FullSpaceFilter(ABC):
    """An ensemble of solver states; subclasses say how an observation corrects it.

    Args:
        benchmark: whose solver carries the members.
        device, dtype: of the ensemble.

    Attributes:
        state: as the solver has it, batched over members.
        parameters: (M, P), physical units. Both are replaced, never written to.
    """

    name: str
    full_space = True

    def __init__(
        self,
        benchmark: Benchmark,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.benchmark, self.device, self.dtype = benchmark, torch.device(device), dtype

    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0.

        Raises:
            ValueError: if ``members`` is below 1.
        """
        self.parameters, self.state = _prior(self.benchmark, members, seed, self.dtype, self.device)
        self._advance = captured(self.benchmark.advance, self.state, self.parameters)

    def forecast(self) -> None:
        """Carry every member one snapshot forward with the benchmark's solver."""
        self.state = self._advance(self.state, self.parameters)

    @abstractmethod
    def analyse(self, observation: Observation) -> None:
        """Correct the ensemble with an observation of its present snapshot.

        Missing values carry no information; with all of them missing nothing changes.

        Raises:
            ValueError: if a sensor is outside the domain.
        """

    def estimate(self) -> Estimate:
        """The present ensemble."""
        state = self.state.clone()
        return Estimate(lambda: self.benchmark.fields(state), self.parameters)

    def _corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """State after adding an increment (M, V, ny, nx) to its normalised fields."""
        std = self.benchmark.std(increment)[:, None, None]
        return self.benchmark.corrected(state, increment * std)


@lru_cache(maxsize=4)
def _prior(
    benchmark: Benchmark, members: int, seed: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Parameters drawn from the prior and the states that go with them at snapshot 0.

    Kept, since some benchmarks spin up for longer than anyone likes to wait for each new run.
    """
    draws = benchmark.parameter_array(benchmark.sample_parameters(members, seed))
    parameters = torch.as_tensor(draws, dtype=dtype, device=device)
    return parameters, benchmark.initial_state(parameters)
