"""The interface of bases of normalised fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Group:
    """Coefficients that describe some of the variables and no others."""

    variables: tuple[int, ...]
    coefficients: slice


class Basis(nn.Module, ABC):
    """An orthonormal basis of the large scales of a benchmark's normalised fields.

    The inner product is the mean over the domain, summed over variables: the mean square of a
    field's departure from rest is the sum of its squared coefficients.

    Attributes:
        count: K, number of coefficients of all variables together.
        groups: the coefficients of each group of variables.
        rest: (V,), value of each variable at rest; the basis describes departures from it.
    """

    count: int
    groups: tuple[Group, ...]
    rest: Tensor

    @abstractmethod
    def analyse(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) → coefficients (..., K)."""

    @abstractmethod
    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., K) → fields (..., V, ny, nx)."""

    @abstractmethod
    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (V, n, K), float64."""

    def at(self, coefficients: Tensor, positions: Tensor) -> Tensor:
        """Coefficients (..., K) at ``positions`` (n, 2), given as (x, y): (..., n, V)."""
        v, n = len(self.rest), len(positions)
        waves = self.evaluate(positions).to(coefficients.dtype).flatten(0, 1)
        return (coefficients @ waves.mT).unflatten(-1, (v, n)).mT + self.rest
