"""The truth, snapshot by snapshot: a run of the solver, or given fields."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import kept

SHARED_TRUTHS = 4
"""Number of truths kept in memory for later twins; one of the atmosphere takes 100 MB."""


class Truth(Protocol):
    """``truth[index]``: the fields (V, ny, nx) of a snapshot, physical units, on the CPU."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Tensor: ...


class Trajectory(Truth):
    """One run of the solver, computed up to the latest snapshot asked for.

    Its values equal those of ``Benchmark.trajectories``. Threads may share it: the first that
    asks for a snapshot computes it, the others wait.

    Args:
        parameters: (1, P), in their units, on the device to compute on.
    """

    def __init__(self, benchmark: Benchmark, parameters: Tensor) -> None:
        self.benchmark, self.parameters = benchmark, parameters
        # The fields so far and the state of the last one, in one tuple: an interrupted step cannot
        # leave one of them a snapshot ahead of the other.
        self._reached: tuple[tuple[Tensor, ...], Tensor | None] = (), None
        self._computing = threading.Lock()

    def __len__(self) -> int:
        return self.benchmark.n_times

    def __getitem__(self, index: int) -> Tensor:
        _check(self, index)
        if index >= len(self._reached[0]):
            with self._computing:
                while index >= len(self._reached[0]):
                    self._compute_next()
        return self._reached[0][index]

    def _compute_next(self) -> None:
        fields, state = self._reached
        if state is None:
            state = self.benchmark.initial_state(self.parameters)
        else:
            advance = kept(self.benchmark.advance, state, self.parameters)
            state = advance(state, self.parameters)
        self._reached = (*fields, self.benchmark.fields(state)[0].cpu()), state


class KnownFields(Truth):
    """Given fields, (T, V, ny, nx)."""

    def __init__(self, fields: Tensor) -> None:
        self._fields = fields

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: int) -> Tensor:
        _check(self, index)
        return self._fields[index]


def trajectory(benchmark: Benchmark, parameters: np.ndarray, device: torch.device) -> Trajectory:
    """The run with parameters (P,). The latest few are kept and shared."""
    with _SHARING:
        return _trajectory(benchmark, tuple(map(float, parameters)), device)


_SHARING = threading.Lock()
"""Without this lock, two threads that ask at once would compute the same trajectory twice."""


@lru_cache(maxsize=SHARED_TRUTHS)
def _trajectory(
    benchmark: Benchmark, parameters: tuple[float, ...], device: torch.device
) -> Trajectory:
    values = torch.as_tensor(parameters, dtype=torch.float32, device=device)
    return Trajectory(benchmark, values[None])


def known_fields(benchmark: Benchmark, fields: xr.Dataset) -> KnownFields:
    """Given fields as the truth: every variable of the benchmark, (time, y, x), on its grid.

    Raises:
        ValueError: if a variable is missing, a shape is wrong, or a value is not finite.
    """
    names = [v.name for v in benchmark.variables]
    if not isinstance(fields, xr.Dataset) or not set(names) <= set(map(str, fields.data_vars)):
        there = list(fields.data_vars) if isinstance(fields, xr.Dataset) else fields
        raise ValueError(f"truth_fields hold {there}: a dataset of {', '.join(names)} is needed")
    found = []
    for name in names:
        of_one = fields[name].squeeze(drop=True) if "trajectory" in fields.dims else fields[name]
        if of_one.dims != ("time", "y", "x") or of_one.shape[1:] != benchmark.grid_shape:
            raise ValueError(
                f"truth_fields: {name} is {dict(of_one.sizes)}; (time, y, x) with "
                f"(y, x) = {benchmark.grid_shape} is needed"
            )
        if not np.isfinite(of_one.values).all():
            raise ValueError(f"truth_fields: {name} is not finite everywhere")
        found.append(torch.as_tensor(of_one.values, dtype=torch.float32))
    if not 1 <= len(found[0]) <= benchmark.n_times:
        raise ValueError(
            f"truth_fields have {len(found[0])} times: 1 to {benchmark.n_times} are needed"
        )
    return KnownFields(torch.stack(found, dim=1))


def unknown_fields(benchmark: Benchmark) -> KnownFields:
    """An unknown truth: NaN everywhere."""
    shape = (benchmark.n_times, len(benchmark.variables), *benchmark.grid_shape)
    return KnownFields(torch.full((1,) * len(shape), torch.nan).expand(shape))


def _check(truth: Truth, index: int) -> None:
    if not 0 <= index < len(truth):
        raise IndexError(f"snapshot {index}: there are {len(truth)}")
