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

    Raises:
        ValueError: for a value that is infinite, naming its sensor, for a position that is not
            finite, and for a standard deviation that is not or is negative.
    """

    index: int
    positions: Tensor
    values: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        # One is made every cycle. Sums, of which NaN and infinity make NaN or infinity, tell in
        # one call each that there is nothing to look for.
        if not math.isfinite(self.positions.sum().item()):
            self._check_positions()
        if not all(0 <= std < math.inf for std in self.std.tolist()):
            raise ValueError(
                f"std = {self.std.tolist()}: finite numbers of at least 0 are needed, one for "
                "each variable"
            )
        total = self.values.sum().item()
        if not math.isfinite(total) and not math.isfinite(self.values.nansum().item()):
            self._check_values()  # the sum of large numbers may be infinite too

    def _check_positions(self) -> None:
        bad = (~self.positions.isfinite()).any(dim=1).nonzero()[:, 0].tolist()
        if bad:
            raise ValueError(f"{self._sensor(bad[0])}: finite coordinates are needed")

    def _check_values(self) -> None:
        bad = self.values.isinf().nonzero().tolist()
        if bad:
            sensor, variable = bad[0]
            raise ValueError(
                f"{self._sensor(sensor)} measures {self.values[sensor, variable].item():g} of "
                f"variable {variable}: finite numbers are needed, NaN where there is none"
            )

    def _sensor(self, number: int) -> str:
        x, y = self.positions[number].tolist()
        return f"sensor {number} at ({x:g}, {y:g})"

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
        return not math.isnan(self.values.sum().item())  # one NaN makes the whole sum NaN

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
        tensors = {name: getattr(self, name).to(device) for name in ("positions", "values", "std")}
        moved = object.__new__(Observation)  # unchecked: the check would wait for a GPU
        moved.__dict__.update(index=self.index, complete=self.complete, **tensors)
        return moved
