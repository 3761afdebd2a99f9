"""What every filter provides, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from ldensf_core.observations import Observation


@dataclass(frozen=True, eq=False)
class Estimate:
    """An ensemble's view of the state, decoded on demand.

    Attributes:
        decode: returns the fields of all members, (M, V, ny, nx), physical units.
        parameters: the parameters of all members, (M, P), physical units.
        moments: returns mean and spread, where there is a quicker way to them.
    """

    decode: Callable[[], Tensor]
    parameters: Tensor
    moments: Callable[[], tuple[Tensor, Tensor]] | None = None

    @cached_property
    def ensemble(self) -> Tensor:
        """Fields of all members, (M, V, ny, nx)."""
        return self.decode()

    @property
    def mean(self) -> Tensor:
        """Ensemble mean, (V, ny, nx)."""
        return self._mean_and_spread[0]

    @property
    def spread(self) -> Tensor:
        """Standard deviation of the ensemble (unbiased), (V, ny, nx).

        For one member, what the filter knows of its error apart from the ensemble, or zero.
        """
        return self._mean_and_spread[1]

    @cached_property
    def _mean_and_spread(self) -> tuple[Tensor, Tensor]:
        if self.moments is not None:
            return self.moments()
        mean = self.ensemble.mean(dim=0)
        if len(self.parameters) == 1:
            return mean, torch.zeros_like(mean)
        return mean, self.ensemble.std(dim=0)


class Filter(Protocol):
    """A filter carries an ensemble from snapshot to snapshot and corrects it.

    Its class says all that is said of it anywhere: a table of filters elsewhere is a fault. What
    can be set are keyword arguments of its class, see ``options``.

    Attributes:
        name: by which it is asked for, as ``ld-ensf``.
        title: for people, as "LD-EnSF".
        sentence: what it does, in one sentence.
        kind: ``latent`` filters are made of a ``LatentModel`` and live in its latent space;
            ``full space`` ones of benchmark, device and dtype, and run its solver for every member.
        corrects: whether observations correct the ensemble at all.
        corrects_parameters: whether they correct the unknown parameters, too.
        without_weights: the filter that stands in for a latent one where a benchmark has no trained
            weights, if there is one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    kind: ClassVar[Literal["latent", "full space"]]
    corrects: ClassVar[bool] = True
    corrects_parameters: ClassVar[bool] = True
    without_weights: ClassVar[type[Filter] | None] = None

    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0."""

    def forecast(self) -> None:
        """Carry the ensemble one snapshot forward."""

    def analyse(self, observation: Observation) -> None:
        """Correct the ensemble with an observation of its present snapshot.

        Missing values carry no information; with all of them missing nothing changes.
        """

    def cycle(self, observation: Observation | None) -> None:
        """``forecast`` and ``analyse``, or what is quicker; without an observation the forecast."""
        self.forecast()
        if observation is not None:
            self.analyse(observation)

    def expect(self, observation: Observation) -> None:
        """Prepare for the analysis of an observation, the next one; optional."""

    def estimate(self) -> Estimate:
        """The present ensemble. Later calls of the filter leave an estimate as it is."""
