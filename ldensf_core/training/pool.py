"""Training trajectories, simulated afresh as training goes.

A solver makes a trajectory faster than training learns from it. Runs are therefore made on the
training device, kept in a pool that batches are drawn from, and replaced. Without a solver, the
pool holds the training runs, taken in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import captured


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute matrix products in single precision, also while training uses TF32.

    A solver whose transforms are matrix products gives other trajectories in TF32.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class TrajectoryPool:
    """A fixed number of trajectories of a benchmark, in the form that training uses.

    Args:
        transform: normalised fields (B, T, V, ny, nx) → the stored form, (B, T, ...).
        size: trajectories in the pool.
        chunk: trajectories simulated together; divides ``size``.
        seed: of the parameters, drawn from the prior. Seeds from 1000 on do not meet those of
            the published split.
        beyond: share of the prior's width by which parameters are drawn beyond it on either side,
            as far as the solver runs.
        given: unit parameters, (n, P), to simulate in turn instead of draws; without a solver,
            by default those of the training runs.

    Attributes:
        parameters: unit parameters, (size, P).
        data: transformed trajectories, (size, T, ...). ``replace`` writes in place, so that
            captured graphs may keep reading it.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        transform: Callable[[Tensor], Tensor],
        size: int,
        chunk: int,
        seed: int,
        device: torch.device,
        given: Tensor | None = None,
        beyond: float = 0.0,
    ) -> None:
        if size % chunk:
            raise ValueError(f"size = {size} is no multiple of chunk = {chunk}")
        self.benchmark, self.transform = benchmark, transform
        if given is None and not benchmark.has_solver:
            known = torch.as_tensor(benchmark.parameter_array(benchmark.split("train")))
            given = benchmark.unit_parameters(known)
        self.chunk, self.seed, self.made, self.given = chunk, seed, 0, given
        bounds = torch.tensor([p.widened(beyond) for p in benchmark.parameters])
        self._low, self._high = benchmark.unit_parameters(bounds.mT.float())
        self.parameters = torch.empty(
            size, len(benchmark.parameters), dtype=torch.float32, device=device
        )
        first = self.benchmark.physical_parameters(self._draw())
        with full_precision():  # a graph keeps the precision of its recording
            state = benchmark.initial_state(first)
            self._advance = captured(benchmark.advance, state, first)
        sample = transform(benchmark.normalise(benchmark.fields(state))[:, None])
        self.data = sample.new_empty((size, benchmark.n_times, *sample.shape[2:]))
        for _ in range(size // chunk):
            self.replace()

    def _draw(self) -> Tensor:
        """Unit parameters of the next chunk; depends only on the seed and the chunk's number."""
        if self.given is not None:
            turn = torch.arange(self.made * self.chunk, (self.made + 1) * self.chunk)
            return self.given[turn % len(self.given)].to(self.parameters)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.made)
        shape = (self.chunk, self.parameters.shape[1])
        unit = torch.rand(shape, generator=generator, dtype=self.parameters.dtype)
        return (self._low + (self._high - self._low) * unit).to(self.parameters.device)

    def _next_rows(self) -> slice:
        start = self.made * self.chunk % len(self.parameters)
        return slice(start, start + self.chunk)

    @torch.no_grad()
    @full_precision()
    def replace(self) -> None:
        """Simulate one chunk; it replaces the oldest."""
        unit, rows = self._draw(), self._next_rows()
        parameters = self.benchmark.physical_parameters(unit)
        state = self.benchmark.initial_state(parameters)
        for step in range(self.benchmark.n_times):
            if step:
                state = self._advance(state, parameters)
            fields = self.benchmark.normalise(self.benchmark.fields(state))
            self.data[rows, step] = self.transform(fields[:, None])[:, 0]
        self.parameters[rows] = unit
        self.made += 1
