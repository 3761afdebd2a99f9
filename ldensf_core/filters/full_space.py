"""Common part of the filters that run the benchmark's solver for every member.

Every member has parameters drawn from the prior and a state that the solver carries forward. An
analysis works on fields in units of their training standard deviation; ``Benchmark.corrected`` adds
its increment to the solver's state.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import kept, wait
from ldensf_core.filters.base import Estimate, Filter
from ldensf_core.observations import Innovation, Observation
from ldensf_core.observations.innovation import innovation


class FullSpaceFilter(Filter, ABC):
    """An ensemble of solver states; subclasses say how an observation corrects it.

    Args:
        benchmark: whose solver carries the members.
        device, dtype: of the ensemble.

    Attributes:
        state: of the solver, batched over members.
        parameters: (M, P), physical units. State and parameters are replaced, not changed; but on a
            GPU an analysis may overwrite the state that the previous analysis made.
    """

    kind = "full space"

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
        prior = prior_ensemble(self.benchmark, members, seed, self.dtype, self.device)
        self.state, self.parameters = prior.members()
        self._advance = kept(self.benchmark.advance, self.state, self.parameters)
        self._compared: tuple[Tensor, Observation] | None = None

    def forecast(self) -> None:
        """Carry every member one snapshot forward with the benchmark's solver."""
        self._compared = None  # frees its states before the next are made
        self.state = self._advance(self.state, self.parameters)

    def analyse(self, observation: Observation) -> None:
        """Correct the ensemble with an observation of its present snapshot.

        Missing values carry no information; with all of them missing nothing changes.
        """
        if not observation.empty:
            self._compared = self.state, observation
            self.correct(observation)

    @abstractmethod
    def correct(self, observation: Observation) -> None:
        """Correct the ensemble with an observation that has a value at least."""

    def estimate(self) -> Estimate:
        """The present ensemble."""
        state, fields = self.state.clone(), self.benchmark.fields
        compare = None if self._compared is None else partial(self._compare, *self._compared)
        return Estimate(lambda: kept(fields, state)(state), self.parameters, compare=compare)

    def _compare(self, state: Tensor, observation: Observation) -> Innovation:
        """The innovation of an observation with members before their analysis."""
        fields = self.benchmark.normalise(kept(self.benchmark.fields, state)(state))
        return innovation(self.benchmark, observation.sensors.values(fields), observation)

    def _corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """State after adding an increment (M, V, ny, nx) to its normalised fields."""
        std = self.benchmark.std(increment)[:, None, None]
        return self.benchmark.corrected(state, increment * std)


class SolverRun(FullSpaceFilter):
    """The prior ensemble, carried by the solver and never corrected."""

    name = "none"
    title = "no assimilation"
    sentence = "Carries the prior ensemble forward and never corrects it."
    corrects = corrects_parameters = False

    def correct(self, observation: Observation) -> None:
        """Do nothing: observations are not used."""


class PriorEnsemble:
    """Members drawn from the prior; the solver spins them up to snapshot 0 step by step.

    Threads may share it: the first that needs a step takes it.

    Attributes:
        parameters: (M, P), physical units.
    """

    def __init__(self, benchmark: Benchmark, parameters: Tensor) -> None:
        self.benchmark, self.parameters = benchmark, parameters
        self._state: Tensor | None = None
        self._stepping = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._way, self._taken = self.benchmark.spin_up(self.parameters), 0

    def spin_up(self) -> Iterator[float]:
        """Continue the spin-up to snapshot 0 from where it stopped; yield the share done.

        On a GPU all steps run at once, in a second at most: they may replay a recorded graph, whose
        state must stay in one thread.
        """
        states = self.benchmark.spin_up_states
        at_once = states if self.parameters.is_cuda else 1
        while True:
            with self._stepping:
                try:
                    latest = deque(islice(self._way, at_once), maxlen=1)
                    wait(self.parameters.device)
                    if not latest:
                        return
                    self._state, self._taken = latest[0], min(self._taken + at_once, states)
                    share = self._taken / states
                except BaseException:
                    # A failed iterator looks exhausted, and a step taken but not kept is
                    # lost: start again.
                    self._start()
                    raise
            yield share

    def members(self) -> tuple[Tensor, Tensor]:
        """Copies of the solver's states at snapshot 0 and of the parameters."""
        for _ in self.spin_up():
            pass
        copies = self._state.clone(), self.parameters.clone()
        wait(self.parameters.device)  # another thread's stream made the originals
        return copies


@lru_cache(maxsize=4)
def prior_ensemble(
    benchmark: Benchmark, members: int, seed: int, dtype: torch.dtype, device: torch.device
) -> PriorEnsemble:
    """The ensemble of ``members`` drawn with ``seed``.

    It is kept, because the spin-up of some benchmarks is long.
    """
    draws = benchmark.parameter_array(benchmark.sample_parameters(members, seed))
    return PriorEnsemble(benchmark, torch.as_tensor(draws, dtype=dtype, device=device))
