"""The measurements of one time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:  # networks import this module
    from ldensf_core.observations.sensors import SensorNetwork


@dataclass(frozen=True, eq=False)
class Observation:
    """Measurements of all variables by a sensor network at one snapshot.

    Observations with equal bits compare equal, on any device.

    Attributes:
        index: of the snapshot, 0 for the initial time.
        sensors: the network that measured.
        values: (n, V), physical units; NaN where a value is missing.
        std: (V,), standard deviation of the noise in physical units.

    Raises:
        ValueError: if a value is infinite, naming its sensor; if the numbers of values and
            sensors differ; if a standard deviation is negative or not finite.
    """

    index: int
    sensors: SensorNetwork
    values: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        # Runs every cycle, so one sum is the quick check: a NaN makes the whole sum NaN, and an
        # infinity makes it infinite or NaN.
        if len(self.values) != len(self.sensors):
            raise ValueError(f"{len(self.values)} values of {len(self.sensors)} sensors")
        noise = self.std.tolist()
        if not all(0 <= std < math.inf for std in noise):
            raise ValueError(
                f"std = {noise}: finite numbers of at least 0 are needed, one for each variable"
            )
        total = self.values.sum().item()
        if math.isfinite(total):  # then the layout is known, too, before anyone waits for it
            self.__dict__.update(complete=True, layout=(self.sensors, tuple(noise), None))
        elif not math.isfinite(self.values.nansum().item()):
            self._check_values()  # a sum of large finite numbers may overflow too

    def _check_values(self) -> None:
        bad = self.values.isinf().nonzero().tolist()
        if bad:
            sensor, variable = bad[0]
            x, y = self.positions[sensor].tolist()
            raise ValueError(
                f"sensor {sensor} at ({x:g}, {y:g}) measures "
                f"{self.values[sensor, variable].item():g} of variable {variable}: finite numbers "
                "are needed, NaN where there is none"
            )

    @property
    def _value(self) -> tuple:
        tensors = self.values, self.std
        return (
            self.index,
            self.sensors,
            *((t.dtype, t.shape, t.cpu().numpy().tobytes()) for t in tensors),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observation) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    @cached_property
    def positions(self) -> Tensor:
        """(n, 2), (x, y) in the benchmark's coordinates."""
        return self.sensors.places.to(self.values)

    @cached_property
    def present(self) -> Tensor:
        """(n, V), False where a value is missing."""
        return ~self.values.isnan()

    @cached_property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return not math.isnan(self.values.sum().item())

    @property
    def empty(self) -> bool:
        """Whether all values are missing."""
        return not self.complete and not self.present.any()

    @cached_property
    def layout(self) -> tuple:
        """Sensors, noise and gaps, as a key for what depends on these alone."""
        gaps = None if self.complete else self.present.cpu().numpy().tobytes()
        return self.sensors, tuple(self.std.tolist()), gaps

    def to(self, device) -> Observation:
        """The same observation on another device."""
        tensors = {name: getattr(self, name).to(device) for name in ("values", "std")}
        known = {"complete": self.complete, "layout": self.layout}  # asking would wait for a GPU
        moved = object.__new__(Observation)  # unchecked, for the same reason
        moved.__dict__.update(index=self.index, sensors=self.sensors, **known, **tensors)
        return moved
