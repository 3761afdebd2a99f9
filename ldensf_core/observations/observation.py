"""What is measured at one time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Observation:
    """Measurements of all variables by a sensor network at one snapshot.

    A value, which compares as such: equal are those of the same bits, wherever they lie.

    Attributes:
        index: of the snapshot, 0 for the initial time.
        positions: (n, 2), given as (x, y) in the benchmark's coordinates.
        values: (n, V), physical units; NaN where a value is missing.
        std: (V,), standard deviation of the noise in physical units.
    """

    index: int
    positions: Tensor
    values: Tensor
    std: Tensor

    @property
    def _value(self) -> tuple:
        tensors = self.positions, self.values, self.std
        return self.index, *((t.dtype, t.shape, t.cpu().numpy().tobytes()) for t in tensors)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observation) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    @cached_property
    def present(self) -> Tensor:
        """(n, V), false where a value is missing."""
        return ~self.values.isnan()

    @cached_property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return not math.isnan(self.values.sum())  # of which NaN makes NaN, in one call

    @property
    def empty(self) -> bool:
        """Whether all values are missing."""
        return not self.complete and not self.present.any()

    def from_the_sensors_of(self, other: Observation) -> bool:
        """Whether places, noise and gaps are those of another observation."""
        return (
            (self.positions is other.positions or torch.equal(self.positions, other.positions))
            and torch.equal(self.std, other.std)
            and self.complete == other.complete
            and (self.complete or torch.equal(self.present, other.present))
        )

    def to(self, device) -> Observation:
        """The same observation on another device."""
        return Observation(
            self.index, self.positions.to(device), self.values.to(device), self.std.to(device)
        )
