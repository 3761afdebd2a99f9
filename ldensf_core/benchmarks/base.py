"""What every benchmark provides: a grid, variables, unknown parameters and a batched solver.

A benchmark is the truth of a twin experiment. Its solver works on a *state* (staggered or
spectral, whatever the scheme needs); everyone else sees *fields*, co-located on the grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.conventions import conventional, described, grid_axis

SPLITS = {"train": slice(0, 120), "validation": slice(120, 160), "test": slice(160, 200)}
"""The published split: 120, 40 and 40 of 200 draws from the prior made with seed 0."""


def is_whole(value: object, least: int) -> bool:
    """Whether ``value`` is a whole number, of Python's or numpy's, of at least ``least``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def is_number(value: object, low: float, high: float) -> bool:
    """Whether ``value`` is a number, of Python's or numpy's, from ``low`` to ``high``."""
    return isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high


@dataclass(frozen=True)
class Variable:
    """A field: its name, units, and its mean and standard deviation over the training runs.

    ``standard_name`` is that of the CF conventions, where they have one for it.
    """

    name: str
    long_name: str
    units: str
    mean: float
    std: float
    standard_name: str = ""


@dataclass(frozen=True)
class Parameter:
    """An unknown scalar with its prior, uniform on [low, high]."""

    name: str
    long_name: str
    units: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of the grid: the coordinates of its points and the bounds of the domain.

    On a ``periodic`` axis the two bounds are the same place.
    """

    name: str
    long_name: str
    units: str
    points: np.ndarray
    low: float
    high: float
    periodic: bool = False

    def within(self, places: np.ndarray) -> np.ndarray:
        """The same ``places`` (n,) as numbers from ``low`` to ``high``.

        On a periodic axis ``high`` becomes ``low``. Longitudes are counted from −180 as well as
        to 360, and both are taken; in another periodic box a place beyond the bounds is more
        often a mistake in the units than a wish to go round, and is none.

        Raises:
            ValueError: for a place that is not finite or outside the domain.
        """
        low = self.low - 180.0 if self.periodic and self.units == "°E" else self.low
        bad = ~((places >= low) & (places <= self.high))
        if bad.any():
            raise ValueError(
                f"a sensor at {self.name} = {places[bad][0]:g} {self.units} is outside the "
                f"domain, {low:g} to {self.high:g}"
            )
        if not self.periodic:
            return places
        length = self.high - self.low
        places = np.where(places < self.low, places + length, places)
        return np.where(places >= self.high, places - length, places)


class Benchmark(ABC):
    """Physics in a box. Subclasses set the attributes and the four solver methods.

    Attributes:
        name: as used in the registry, on the command line and in ``pretrained/``.
        title: for people.
        variables: the fields, in the order of the channel axis.
        parameters: the unknowns, in the order of the parameter axis.
        x, y: the axes of the grid; fields have shape (..., len(y.points), len(x.points)).
        times: times of the snapshots, shape (T,), in ``time_units``.
        sensor_grid: columns and rows of the sensors that it is observed with by default.
        spin_up_states: how many states ``spin_up`` goes through.
    """

    name: str
    title: str
    variables: tuple[Variable, ...]
    parameters: tuple[Parameter, ...]
    x: Axis
    y: Axis
    times: np.ndarray
    time_units: str
    sensor_grid: tuple[int, int] = (10, 10)
    spin_up_states: int = 1

    # -- the solver ---------------------------------------------------------------------

    @abstractmethod
    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """The ``spin_up_states`` states on the way to the first snapshot, where the last one is.

        ``parameters`` (B, P), in their units, any device.
        """

    @abstractmethod
    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """State one snapshot later. Shapes as for ``spin_up``; the input is kept."""

    @abstractmethod
    def fields(self, state: Tensor) -> Tensor:
        """Fields of a state, shape (B, V, ny, nx), physical units."""

    @abstractmethod
    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """State after adding ``increment`` (B, V, ny, nx) to its fields: an analysis step."""

    # -- what follows from it -----------------------------------------------------------

    def initial_state(self, parameters: Tensor) -> Tensor:
        """State at the first snapshot, to which the flow has spun up."""
        return deque(self.spin_up(parameters), maxlen=1).pop()

    @property
    def grid_shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return len(self.y.points), len(self.x.points)

    @property
    def n_times(self) -> int:
        """Number of snapshots of a trajectory, the first included."""
        return len(self.times)

    def area(self, like: Tensor) -> Tensor:
        """Share of the domain that each grid point stands for, (ny, nx), over its mean.

        Averages over the domain, in scores and in what surrogates learn, are weighted with it.
        """
        return like.new_ones(self.grid_shape)

    def random_positions(self, n: int, seed: int) -> np.ndarray:
        """``n`` independent positions, (n, 2) as (x, y), uniform over the area of the domain."""
        low, high = np.array([self.x.low, self.y.low]), np.array([self.x.high, self.y.high])
        return low + np.random.default_rng(seed).random((n, 2)) * (high - low)

    def distances(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (n, m) between positions (n, 2) and (m, 2), given as (x, y).

        In the units of the axes, the shorter way round where an axis is periodic.
        """
        apart = (a[:, None] - b).abs()
        width = apart.new_tensor([axis.high - axis.low for axis in (self.x, self.y)])
        periodic = torch.tensor([self.x.periodic, self.y.periodic], device=apart.device)
        return torch.where(periodic, torch.minimum(apart, width - apart), apart).norm(dim=-1)

    def embedded(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n, 2) in a space (n, d) whose straight distances are true over short ways.

        A periodic axis is a circle there, others stay as they are.
        """
        places = []
        for axis, place in zip((self.x, self.y), positions.T, strict=True):
            if axis.periodic:
                radius = (axis.high - axis.low) / (2 * np.pi)
                places += [radius * np.cos(place / radius), radius * np.sin(place / radius)]
            else:
                places.append(place)
        return np.stack(places, axis=1)

    def mean(self, like: Tensor) -> Tensor:
        """Training mean of each variable, shape (V,), with the dtype and device of ``like``."""
        return _constant(tuple(v.mean for v in self.variables), like.dtype, like.device)

    def std(self, like: Tensor) -> Tensor:
        """Training standard deviation of each variable, shape (V,), as ``mean``."""
        return _constant(tuple(v.std for v in self.variables), like.dtype, like.device)

    def normalise(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) in units of their training standard deviation, mean removed."""
        return (fields - self.mean(fields)[:, None, None]) / self.std(fields)[:, None, None]

    def denormalise(self, fields: Tensor) -> Tensor:
        """The inverse of ``normalise``."""
        return fields * self.std(fields)[:, None, None] + self.mean(fields)[:, None, None]

    def unit_parameters(self, parameters: Tensor) -> Tensor:
        """Parameters (..., P) mapped from their prior range to [-1, 1]."""
        low, high = self._prior_range(parameters)
        return 2 * (parameters - low) / (high - low) - 1

    def physical_parameters(self, unit: Tensor) -> Tensor:
        """The inverse of ``unit_parameters``."""
        low, _ = self._prior_range(unit)
        half = tuple((p.high - p.low) / 2 for p in self.parameters)
        return torch.addcmul(low, unit + 1, _constant(half, unit.dtype, unit.device))

    def _prior_range(self, like: Tensor) -> tuple[Tensor, Tensor]:
        low, high = (tuple(getattr(p, end) for p in self.parameters) for end in ("low", "high"))
        return _constant(low, like.dtype, like.device), _constant(high, like.dtype, like.device)

    def trajectories(self, parameters: Tensor) -> Tensor:
        """Run the solver: (B, P) → fields (B, T, V, ny, nx), physical units, batched over B."""
        out = parameters.new_empty(
            (len(parameters), self.n_times, len(self.variables), *self.grid_shape)
        )
        for index, fields in enumerate(self.snapshots(parameters)):
            out[:, index] = fields
        return out

    def snapshots(self, parameters: Tensor) -> Iterator[Tensor]:
        """The same one snapshot after the other: fields (B, V, ny, nx), physical units."""
        state = self.initial_state(parameters)
        yield self.fields(state)
        for _ in range(1, self.n_times):
            state = self.advance(state, parameters)
            yield self.fields(state)

    def sample_parameters(self, n: int, seed: int) -> xr.Dataset:
        """``n`` independent draws from the prior, as a dataset with dimension ``trajectory``.

        Raises:
            ValueError: if ``n`` is not a positive whole number, or ``seed`` none of at least 0.
        """
        for name, value, least in (("n", n, 1), ("seed", seed, 0)):
            if not is_whole(value, least):
                raise ValueError(
                    f"{name} = {value!r}: a whole number of at least {least} is needed"
                )
        unit = np.random.default_rng(seed).random((n, len(self.parameters)))
        return self.parameter_dataset(
            np.array([p.low for p in self.parameters])
            + unit * np.array([p.high - p.low for p in self.parameters])
        )

    def split(self, name: str) -> xr.Dataset:
        """Parameters of the ``train`` (120), ``validation`` (40) or ``test`` (40) trajectories."""
        if name not in SPLITS:
            raise ValueError(f"split {name!r} is unknown; there are {', '.join(SPLITS)}")
        return self.sample_parameters(200, seed=0).isel(trajectory=SPLITS[name])

    def simulate(
        self,
        parameters: xr.Dataset | Mapping[str, float],
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> xr.Dataset:
        """Fields of one or many trajectories in physical units.

        Args:
            parameters: a dataset from ``sample_parameters`` gives dimensions
                (trajectory, time, y, x); a mapping from name to number gives one
                trajectory without the trajectory dimension.

        Raises:
            ValueError: if a parameter is missing, unknown, not finite or outside its prior.
        """
        values = self.parameter_array(parameters)
        fields = self.trajectories(
            torch.as_tensor(np.atleast_2d(values), dtype=dtype, device=device)
        )
        return self.field_dataset(fields.cpu().numpy(), values)

    # -- the labelled edge --------------------------------------------------------------

    def parameter_array(self, parameters: xr.Dataset | Mapping[str, float]) -> np.ndarray:
        """Parameters as an array (trajectory, P), or (P,) where they are scalars; checked."""
        names = [p.name for p in self.parameters]
        if not isinstance(parameters, Mapping):
            raise ValueError(
                f"parameters {parameters!r}: a mapping or dataset of {', '.join(names)} is needed"
            )
        unknown = set(map(str, parameters)) - set(names)
        missing = set(names) - set(map(str, parameters))
        if unknown or missing:
            raise ValueError(
                f"{self.name} takes the parameters {', '.join(names)}; "
                f"missing: {sorted(missing) or 'none'}, unknown: {sorted(unknown) or 'none'}"
            )
        given = [np.asarray(parameters[name]) for name in names]
        for p, values in zip(self.parameters, given, strict=True):
            if values.dtype.kind not in "iuf":
                raise ValueError(
                    f"{p.name} = {values.tolist()!r}: numbers from {p.low:g} to {p.high:g} "
                    f"{p.units} are needed"
                )
        columns = [values.astype(float) for values in given]
        for p, column in zip(self.parameters, columns, strict=True):
            bad = ~((column >= p.low) & (column <= p.high))
            if bad.any():
                raise ValueError(
                    f"{p.name} = {column[bad].flat[0]:g} {p.units}: "
                    f"allowed is {p.low:g} to {p.high:g}"
                )
        return np.stack(columns, axis=-1)

    def parameter_dataset(self, values: np.ndarray) -> xr.Dataset:
        """Values (trajectory, P) or (P,) as a dataset with units."""
        dims = ("trajectory",) * (values.ndim - 1)
        return xr.Dataset(
            {
                p.name: (dims, values[..., i], described(p.long_name, p.units))
                for i, p in enumerate(self.parameters)
            }
        )

    def coordinates(self) -> dict[str, tuple]:
        """The coordinates time, y and x with their units, in xarray's form."""
        return {
            "time": ("time", self.times, described("time since the start", self.time_units)),
            **{axis: (axis, a.points, grid_axis(a)) for axis, a in (("y", self.y), ("x", self.x))},
        }

    def field_dataset(
        self, fields: np.ndarray, parameters: np.ndarray, source: str = "the solver"
    ) -> xr.Dataset:
        """Fields (B, T, V, ny, nx) with their parameters as a labelled dataset.

        With ``parameters`` of shape (P,) the batch axis, of length one, is dropped. ``source``
        says what computed them.
        """
        if parameters.ndim == 1:
            fields = fields[0]
        dims = ("trajectory",) * (parameters.ndim - 1) + ("time", "y", "x")
        data = {
            v.name: (
                dims,
                fields[..., i, :, :],
                described(v.long_name, v.units, v.standard_name),
            )
            for i, v in enumerate(self.variables)
        }
        return conventional(
            xr.Dataset(data, self.coordinates(), {"benchmark": self.name}).assign_coords(
                self.parameter_dataset(parameters).data_vars
            ),
            self.title,
            source,
        )


_CONSTANTS: dict[tuple, Tensor] = {}
"""Never let go of: recorded graphs read them."""


def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept on the device: to bring it there waits for all that the device is doing."""
    key = values, dtype, device
    if key not in _CONSTANTS:
        with torch.inference_mode(False):  # may be used with gradients later
            _CONSTANTS.setdefault(key, torch.tensor(values, dtype=dtype, device=device))
    return _CONSTANTS[key]
