"""The interface of every filter, and the estimate that it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from ldensf_core.observations import Innovation, Observation


@dataclass(frozen=True, eq=False)
class Estimate:
    """What an ensemble says of the state; decoded on demand.

    Attributes:
        decode: returns the fields of all members, (M, V, ny, nx), physical units.
        parameters: the parameters of all members, (M, P), physical units.
        moments: returns mean and spread, if they can be had faster than from all members.
        compare: returns the innovation of the present snapshot's observation; None if it has none.
        limit: largest χ²/n of the latest innovations with which observations agree with the
            filter's model, see ``disagreement``; None: this filter's are not judged.
    """

    decode: Callable[[], Tensor]
    parameters: Tensor
    moments: Callable[[], tuple[Tensor, Tensor]] | None = None
    compare: Callable[[], Innovation] | None = None
    limit: float | None = None

    @cached_property
    def ensemble(self) -> Tensor:
        """Fields of all members, (M, V, ny, nx)."""
        return self.decode()

    @cached_property
    def innovation(self) -> Innovation | None:
        """How far the observation was from the forecast; None if there was no observation."""
        return None if self.compare is None else self.compare()

    @property
    def mean(self) -> Tensor:
        """Ensemble mean, (V, ny, nx)."""
        return self._mean_and_spread[0]

    @property
    def spread(self) -> Tensor:
        """Standard deviation of the ensemble (unbiased), (V, ny, nx).

        For one member: the model error that the filter knows, or zero.
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

    Its class holds all facts about it: keep no table of filters elsewhere. Its options are
    keyword arguments of its class, see ``options``.

    Attributes:
        name: for code and the command line, such as ``ld-ensf``.
        title: for people, such as "LD-EnSF".
        sentence: what it does, in one sentence.
        kind: ``latent``: made from a ``LatentModel``, works in its latent space; ``full space``:
            made from benchmark, device and dtype, runs the solver for every member.
        corrects: whether observations correct the ensemble.
        corrects_parameters: whether they also correct the unknown parameters.
        without_weights: the filter to use instead if the benchmark has no trained weights; None
            if there is none.
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
        """Forecast, then analyse the observation if there is one; may fuse both for speed."""
        self.forecast()
        if observation is not None:
            self.analyse(observation)

    def expect(self, observation: Observation) -> None:
        """Prepare for the next observation; optional."""

    def resize(self, members: int, seed: int) -> None:
        """Go on with ``members`` members that say the same of the state; optional.

        Args:
            members: at least 1; nothing changes where there are that many already.
            seed: of what is drawn.

        Raises:
            ValueError: if the filter cannot do so.
        """
        raise ValueError(f"filter {self.name!r}: it cannot change its number of members")

    def estimate(self) -> Estimate:
        """The present ensemble. Later calls of the filter do not change an estimate."""
