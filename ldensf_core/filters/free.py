"""No assimilation: the prior ensemble, carried by the surrogate and never corrected."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ldensf_core.device import captured, recorded
from ldensf_core.filters.base import Estimate, Filter
from ldensf_core.filters.full_space import SolverRun
from ldensf_core.latent_cycle import cycle_functions
from ldensf_core.observations import Innovation, Observation
from ldensf_core.observations.innovation import MOST, innovation
from ldensf_core.surrogate.ldnet import STEP
from ldensf_core.weights.model import LatentModel


class FreeRun(Filter):
    """An ensemble of latent states and parameters.

    All members share the surrogate's error, which the latent spread does not contain. Decoding adds
    its size at the ensemble's mean parameters: in quadrature to the spread, and to the members as
    draws with mean zero, independent from point to point. On validation runs this error is spread
    almost evenly over the coefficients of the decoder.

    On a GPU, steps and decoding are CUDA graphs that work in place, recorded at first use; they
    use fused kernels where those are available.

    Attributes:
        index: of the ensemble's snapshot.
        state: latent states and unit parameters, (M, L+P).
        forecasts: the first members of ``state`` before the latest analysis.
        compared: the observation of the present snapshot, None if it has none.
        limit: see ``Estimate``.
    """

    name = "none"
    title = "no assimilation"
    sentence = "Carries the prior ensemble forward and never corrects it."
    kind = "latent"
    corrects = corrects_parameters = False
    without_weights = SolverRun
    limit: float | None = None

    def __init__(self, model: LatentModel) -> None:
        self.model = model
        self.state = model.encoder.mean.new_empty(0, len(model.encoder.mean))
        self._graphs: dict[Any, Callable[..., Any]] = {}
        self.generator = torch.Generator(model.device)
        self.functions = cycle_functions(model.device)

    @property
    def latent(self) -> Tensor:
        """(M, L), a part of ``state``."""
        return self.state[:, : self.model.ldnet.n_latent]

    @property
    def parameters(self) -> Tensor:
        """Unit parameters, (M, P), a part of ``state``."""
        return self.state[:, self.model.ldnet.n_latent :]

    @torch.inference_mode()
    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0."""
        self.index, self.seed = 0, seed
        self._hold(self._prior(members))
        self.generator.manual_seed(seed)

    @torch.inference_mode()
    def resize(self, members: int, seed: int) -> None:
        """Take the ensemble that as many draws from the prior would have become by now.

        These are the first of the same sequence of draws: ``seed`` is not used.
        """
        if members == len(self.state):
            return
        state, ldnet = self._prior(members), self.model.ldnet
        for _ in range(self.index):
            self.functions.step(ldnet.dynamics, state, ldnet.n_latent, STEP)
        self._hold(state)

    def _prior(self, members: int) -> Tensor:
        """Draws from the prior at snapshot 0, (M, L+P)."""
        benchmark, device = self.model.benchmark, self.model.device
        draws = benchmark.parameter_array(benchmark.sample_parameters(members, self.seed))
        physical = torch.as_tensor(draws, dtype=torch.float32, device=device)
        parameters = benchmark.unit_parameters(physical)
        return torch.cat([self.model.ldnet.initial_state(parameters), parameters], dim=1)

    def _hold(self, state: Tensor) -> None:
        """Make ``state`` (M, L+P) the ensemble; its size may differ."""
        if state.shape == self.state.shape:
            self.state.copy_(state)
        else:
            self.state, self._graphs = state, {}
            self.forecasts = state[:MOST].clone()
        self.compared = None

    @torch.inference_mode()
    def forecast(self) -> None:
        """Carry the ensemble one snapshot forward with the latent dynamics."""
        self._run(self._step)
        self.index, self.compared = self.index + 1, None

    @torch.inference_mode()
    def analyse(self, observation: Observation) -> None:
        """Only compare the observation with the ensemble: observations are not used."""
        if not observation.empty:
            self._run(self._remember)
            self.compared = observation

    def estimate(self) -> Estimate:
        """The present ensemble, decoded on demand.

        On a GPU mean and spread are decoded at once, in a single launch. For large ensembles they
        are decoded on demand: that needs a decision on the CPU, which no graph can contain.
        """
        model, index, n = self.model, self.index, self.model.ldnet.n_latent
        error = model.error.deviation[index]
        seeds = np.random.SeedSequence([self.seed, index])
        known: list[Tensor] = []  # mean and spread
        if self.state.is_cuda and model.ldnet.decoder.recordable(len(self.state)):
            *known, state, parameters = self._looked(error)
        else:
            state = self.state.clone()
            parameters = model.benchmark.physical_parameters(state[:, n:])

        @torch.inference_mode()
        def decode() -> Tensor:
            fields = model.ldnet.decode(state[:, :n])
            generator = torch.Generator(state.device).manual_seed(int(seeds.generate_state(1)[0]))
            draws = torch.randn(
                fields.shape, generator=generator, dtype=fields.dtype, device=fields.device
            )
            fields += model.error.at(index, state[:, n:].mean(0)) * (draws - draws.mean(0))
            return model.benchmark.denormalise(fields)

        @torch.inference_mode()
        def moments() -> tuple[Tensor, Tensor]:
            return tuple(known) or self._moments(state, error)

        compare = None
        if self.compared is not None:
            compare = partial(self._compare, self.forecasts.clone(), self.compared)
        return Estimate(decode, parameters, moments, compare, self.limit)

    @torch.inference_mode()
    def _compare(self, state: Tensor, observation: Observation) -> Innovation:
        """The innovation of an observation with forecasts (M, L+P)."""
        model, n = self.model, self.model.ldnet.n_latent
        predict, errors = model.at_sensors(observation.sensors)
        factor = model.error.factor(state[:, n:].mean(0))
        error = errors[observation.index] * factor.square()
        return innovation(model.benchmark, predict(state[:, :n]), observation, error)

    @torch.inference_mode()
    def _looked(self, error: Tensor) -> list[Tensor]:
        """Mean and spread from ``_moments``, a copy of the state, and physical parameters."""
        if "look" not in self._graphs:
            self._graphs["look"] = captured(self._look, error)
        benchmark = self.model.benchmark
        fields = (len(benchmark.variables), *benchmark.grid_shape)
        shapes = fields, fields, self.state.shape, self.parameters.shape
        parts = self._graphs["look"](error).clone().split([math.prod(shape) for shape in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _look(self, error: Tensor) -> Tensor:
        """All of ``_looked`` in one vector, for a single copy."""
        parameters = self.model.benchmark.physical_parameters(self.parameters)
        parts = *self._moments(self.state, error), self.state, parameters
        return torch.cat([part.flatten() for part in parts])

    def _moments(self, state: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and spread (V, ny, nx), physical units, of latent states and parameters (M, L+P).

        Args:
            error: standard deviation of the surrogate's error at this snapshot, (V, rows, columns).
        """
        model, n = self.model, self.model.ldnet.n_latent
        mean, spread = model.ldnet.decoder.moments(state[:, :n])
        spread = spread.hypot(model.error.on_grid(error, state[:, n:].mean(0)))
        std = model.benchmark.std(spread)[:, None, None]
        return model.benchmark.denormalise(mean), spread * std

    def _remember(self) -> None:
        self.forecasts.copy_(self.state[:MOST])

    def _step(self) -> None:
        ldnet = self.model.ldnet
        self.functions.step(ldnet.dynamics, self.state, ldnet.n_latent, STEP)

    def _run(self, *parts: Callable[[], None]) -> None:
        """Call methods that work in place; on a GPU, as one recorded graph."""
        if not self.state.is_cuda:
            for part in parts:
                part()
            return
        key = (*(part.__name__ for part in parts), *self._shapes())
        if key not in self._graphs:
            buffers = self._buffers()
            earlier = [b.clone() for b in buffers]
            try:
                self._graphs[key] = recorded(
                    lambda: [part() for part in parts], self.state.device, self.generator
                )
            finally:  # a failed recording has run its steps too
                for buffer, before in zip(buffers, earlier, strict=True):
                    buffer.copy_(before)
        self._graphs[key]()

    def _buffers(self) -> list[Tensor]:
        """All tensors that a step writes to."""
        return [self.state, self.forecasts]

    def _shapes(self) -> tuple[int, ...]:
        """What the graphs depend on besides the state's shape."""
        return ()
