"""All measurements of a run so far, as one function of the unknowns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldensf_core.filters.latent_smoother import ALIKE, BESIDE, BEYOND
from ldensf_core.observations import Observation
from ldensf_core.weights.model import LatentModel


@dataclass(frozen=True)
class Data:
    """All measurements so far as one vector of D numbers, normalised.

    Attributes:
        y: (D,). ``ends``: number of values up to and with each snapshot.
        predict: unit parameters (M, P), number of snapshots → their values (M, D).
        variance: unit parameters (M, P) → variance of noise and surrogate, (M, D).
    """

    y: Tensor
    ends: tuple[int, ...]
    predict: Callable[[Tensor, int], Tensor]
    variance: Callable[[Tensor], Tensor]

    def first(self, snapshots: int) -> Data:
        """The data of the first snapshots alone."""
        n = self.ends[snapshots - 1]
        return Data(
            self.y[:n], self.ends[:snapshots], self.predict, lambda u: self.variance(u)[:, :n]
        )

    def windows(self) -> list[Data]:
        """The first snapshot, the first two, four, … and all: fits go astray less often so."""
        count = len(self.ends)
        powers = [2**k for k in range(count.bit_length()) if 2**k < count]
        return [self.first(n) for n in [*powers, count]]

    def values(self, u: Tensor) -> Tensor:
        """H(u), (M, D)."""
        return self.predict(u, len(self.ends))

    def misfit(self, u: Tensor) -> Tensor:
        """−2 log p(y | u) without its constant, (M,)."""
        variance = self.variance(u)
        squares = (self.y - self.values(u)).square() / variance
        return (squares + variance.log()).double().sum(1)

    def linearised(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """H(u) (M, D), and its derivatives (M, D, P) by the differences that the smoother uses."""
        steps = BESIDE * torch.eye(u.shape[1]).to(u)
        runs = torch.cat([u[:, None], u[:, None] + steps], dim=1)
        values = self.values(runs.flatten(0, 1)).unflatten(0, runs.shape[:2])
        return values[:, 0], (values[:, 1:] - values[:, :1]).mT / BESIDE


def through_decoder(model: LatentModel, observations: list[Observation]) -> Data:
    """The data of a run so far, seen through the shipped observation operator."""
    benchmark, sensors = model.benchmark, observations[0].sensors
    at_sensors, errors = model.at_sensors(sensors)
    values = torch.stack([o.values for o in observations])
    std = benchmark.std(values)
    noise = torch.stack([(o.std / std).square().expand_as(o.values) for o in observations])
    error = errors[: len(observations)]

    def predict(u: Tensor, snapshots: int) -> Tensor:
        return at_sensors(model.ldnet.rollout(u, snapshots)).flatten(1)

    def variance(u: Tensor) -> Tensor:
        factor = ALIKE * model.error.factor(u).square()
        return noise.flatten() + factor[:, None] * error.flatten()

    size = values[0].numel()
    return Data(
        ((values - benchmark.mean(values)) / std).flatten(),
        tuple(size * (i + 1) for i in range(len(observations))),
        predict,
        variance,
    )


def bounded(u: Tensor) -> Tensor:
    """Where the surrogate may be asked: the smoother's own bound."""
    return u.clamp(-BEYOND, BEYOND)
