"""Common part of the filters that correct latent states and parameters.

The history encoder turns the observations up to now into a noisy observation of (s, u) with the
identity as its operator; an analysis works on D = L + P numbers.

Two numbers of the card, fitted on validation runs, calibrate the filter. ``inflation`` multiplies
the encoder's standard deviation, because its successive outputs share observations.
``process_noise`` stands for the error of the latent dynamics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from ldensf_core.analyses.resampling import resampled
from ldensf_core.encoders import ObservationHistory
from ldensf_core.filters.free import FreeRun
from ldensf_core.observations import Observation
from ldensf_core.weights.model import LatentModel


class LatentFilter(FreeRun, ABC):
    """A latent ensemble that observations correct. A subclass writes ``correct``.

    Attributes:
        y, sigma: the encoder's output for the observations so far and its standard deviation,
            (L+P,) each, in units of ``model.encoder.std`` about ``model.encoder.mean``.
        waits: whether ``correct`` waits for the device, for a check or in linear algebra. A
            recorded graph must not wait, so ``correct`` then runs after the graph.
    """

    corrects = corrects_parameters = True
    without_weights = None
    waits = False

    def __init__(self, model: LatentModel) -> None:
        super().__init__(model)
        self.history = ObservationHistory(model.benchmark, model.encoder)
        calibration = model.card["calibration"]
        self.inflation = float(calibration["inflation"])
        self.process_noise = float(calibration["process_noise"])

    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior and forget all observations."""
        super().reset(members, seed)
        self.history.reset()

    @torch.inference_mode()
    def resize(self, members: int, seed: int) -> None:
        """Keep a random part of the members, or all and add random combinations of them."""
        if members == len(self.state):
            return
        state = resampled(self.state, members, torch.Generator().manual_seed(seed))
        state[:, self.model.ldnet.n_latent :].clamp_(-1, 1)  # the prior has bounds
        self._hold(state)

    @torch.inference_mode()
    def expect(self, observation: Observation) -> None:
        """Copy an observation to where the next launch reads it."""
        if not observation.empty:
            self.history.take(observation)

    @torch.inference_mode()
    def analyse(self, observation: Observation) -> None:
        """Correct latent states and parameters with an observation of the present snapshot."""
        if not observation.empty:
            self.history.take(observation)
            self._run(self._remember, self._encode, self.correct)
            self.compared = observation

    @torch.inference_mode()
    def cycle(self, observation: Observation | None) -> None:
        """``forecast`` and ``analyse``; on a GPU, in one launch."""
        if observation is None or observation.empty:
            self.forecast()
            return
        self.history.take(observation)
        self._run(self._step, self._remember, self._encode, self.correct)
        self.index, self.compared = self.index + 1, observation

    def _encode(self) -> None:
        """Mean and standard deviation of (s, u), (L+P,), in units of the encoder's."""
        self.y, self.sigma = self.history.encode()

    @abstractmethod
    def correct(self) -> None:
        """Correct ``state`` (M, L+P) in place with ``y`` and ``sigma``."""

    def standard_normal(self) -> Tensor:
        """One draw for every component of every member, (M, L+P), from the filter's generator."""
        like = {"dtype": self.state.dtype, "device": self.state.device}
        return torch.randn(self.state.shape, generator=self.generator, **like)

    def _run(self, *parts: Callable[[], None]) -> None:
        if self.waits and parts[-1] == self.correct:
            super()._run(*parts[:-1])
            self.correct()
        else:
            super()._run(*parts)

    def _buffers(self) -> list[Tensor]:
        return [*super()._buffers(), self.history.memory]

    def _shapes(self) -> tuple[int, ...]:
        return (self.history.room,)
