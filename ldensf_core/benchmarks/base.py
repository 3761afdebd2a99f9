"""What every benchmark provides: a domain, variables, unknown parameters and a batched solver.

A benchmark provides the truth of a twin experiment. Its solver works on a *state* (staggered,
spectral, …); all other code sees *fields*, co-located on the grid.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import labels, prior
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.model_errors import ModelError, changed
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.domains import Axis, Box, Domain
from ldensf_core.domains.bases import Basis, PeriodicBasis, WallBasis

SPLITS = {"train": slice(0, 120), "validation": slice(120, 160), "test": slice(160, 200)}
"""The published split: 120, 40 and 40 of 200 draws from the prior made with seed 0."""


class Benchmark(ABC):
    """Physics on a domain.

    To make one, set the first seven attributes and write the solver:

    - ``spin_up`` makes the state at the first snapshot from parameters;
    - ``advance`` takes a state to the next snapshot;
    - ``fields`` gives the fields of a state on the grid;
    - ``corrected`` adds an increment of the fields to a state, for filters in full space.

    All work on a batch of members. For example, a decaying hill::

        class Decay(Benchmark):
            name, title = "decay", "A hill that decays"
            variables = (Variable("h", "height", "m", mean=0.3, std=0.4),)
            parameters = (Parameter("rate", "rate of decay", "1", 0.1, 2.0),)
            axis = np.arange(0.5, 16)
            domain = Box(Axis("x", "x", "km", axis, 0, 16), Axis("y", "y", "km", axis, 0, 16))
            times, time_units = np.arange(10.0), "h"

            def spin_up(self, parameters):
                hill = torch.exp(-((torch.arange(16.0) - 8) / 3) ** 2)
                yield (hill * hill[:, None]).expand(len(parameters), 1, 16, 16)

            def advance(self, state, parameters):
                return state * torch.exp(-0.1 * parameters)[..., None, None]

            def fields(self, state):
                return state

            def corrected(self, state, increment):
                return state + increment

    Attributes:
        name: as used in the registry, on the command line and in ``pretrained/``.
        title: for people.
        variables: the fields, in the order of the channel axis.
        parameters: the unknowns, in the order of the parameter axis.
        domain: a ``Box`` or a ``Globe``, with the axes of the grid.
        times: times of the snapshots, shape (T,), in ``time_units``.
        time_units: such as "h"; "1" for time without units.
        sensor_grid: columns and rows of the default sensors.
        spin_up_states: number of states that ``spin_up`` yields.
        tuning: tuned options of filters on this benchmark, by the filter's name.
        model_errors: other physics for truths, by name: see ``with_error``.
        story: what is to be estimated, in half a sentence.
        shown_first: name of the variable to show first; by default the last.
        spinning_up: what is spun up to the first snapshot, such as "the flow".
        has_solver: whether it runs for any parameters of the prior and its states can be
            corrected.
        weights: folder of the networks trained for it; by default the shipped ones.
    """

    name: str
    title: str
    variables: tuple[Variable, ...]
    parameters: tuple[Parameter, ...]
    domain: Domain
    times: np.ndarray
    time_units: str
    sensor_grid: tuple[int, int] = (10, 10)
    spin_up_states: int = 1
    tuning: ClassVar[Mapping[str, Mapping[str, float]]] = {}
    model_errors: ClassVar[Mapping[str, ModelError]] = {}
    story: str = "the whole field, and what is unknown about it"
    shown_first: str = ""
    spinning_up: str = "the flow"
    has_solver: bool = True
    weights: Path | None = None

    # -- the solver ---------------------------------------------------------------------

    @abstractmethod
    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """Yield ``spin_up_states`` states; the last one is that of the first snapshot.

        ``parameters``: (B, P), in their units, on any device.
        """

    @abstractmethod
    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """State one snapshot later. Shapes as for ``spin_up``; the input is not changed."""

    @abstractmethod
    def fields(self, state: Tensor) -> Tensor:
        """Fields of a state, shape (B, V, ny, nx), physical units."""

    @abstractmethod
    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """State after adding ``increment`` (B, V, ny, nx) to its fields: an analysis step."""

    def basis(self, count: int) -> Basis:
        """An orthonormal basis of the normalised fields, of about ``count`` coefficients.

        By default each variable separately: cosines between walls, Fourier modes if both axes are
        periodic. Override it if more is known of the fields.

        Raises:
            ValueError: on other domains; the benchmark has to define it there.
        """
        x, y = self.x, self.y
        if not isinstance(self.domain, Box) or x.periodic != y.periodic:
            raise ValueError(
                f"{self.name} has to define basis(count): the default is only for a box "
                "with walls all round or none"
            )
        rest = torch.zeros(len(self.variables))
        if x.periodic:
            return PeriodicBasis(x, y, rest, count)
        return WallBasis(x, y, ("cc",) * len(rest), rest, count)

    # -- derived from it ----------------------------------------------------------------

    @property
    def known_as(self) -> str:
        """Its name for ``get_benchmark`` and the command line."""
        return self.name

    @property
    def x(self) -> Axis:
        """The domain's first axis, along the columns of fields."""
        return self.domain.x

    @property
    def y(self) -> Axis:
        """The domain's second axis, along the rows of fields."""
        return self.domain.y

    @property
    def grid_shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.domain.grid_shape

    @property
    def n_times(self) -> int:
        """Number of snapshots of a trajectory, the first included."""
        return len(self.times)

    def initial_state(self, parameters: Tensor) -> Tensor:
        """State at the first snapshot, after spin-up."""
        return deque(self.spin_up(parameters), maxlen=1).pop()

    def trajectories(self, parameters: Tensor) -> Tensor:
        """Run the solver: (B, P) → fields (B, T, V, ny, nx), physical units, batched over B."""
        out = parameters.new_empty(
            (len(parameters), self.n_times, len(self.variables), *self.grid_shape)
        )
        for index, fields in enumerate(self.snapshots(parameters)):
            out[:, index] = fields
        return out

    def snapshots(self, parameters: Tensor) -> Iterator[Tensor]:
        """Run the solver; yield one snapshot at a time: fields (B, V, ny, nx), physical units."""
        state = self.initial_state(parameters)
        yield self.fields(state)
        for _ in range(1, self.n_times):
            state = self.advance(state, parameters)
            yield self.fields(state)

    def with_error(self, name: str) -> Benchmark:
        """This benchmark with the physics of a model error, to make truths that filters cannot.

        Args:
            name: one of ``model_errors``; "none" is this benchmark.

        Returns:
            Always the same object, with the same variables, parameters, grid and times.

        Raises:
            ValueError: if there is none of that name.
        """
        return changed(self, name)

    def parameter_array(
        self, parameters: xr.Dataset | Mapping[str, float], beyond_prior: bool = False
    ) -> np.ndarray:
        """Check parameters; return an array (trajectory, P), or (P,) for scalars.

        Args:
            beyond_prior: allow all values that the solver can run.

        Raises:
            ValueError: if a parameter is missing, unknown, not finite or outside what is allowed.
        """
        return prior.checked(self.parameters, parameters, self.name, beyond_prior)

    def sample_parameters(self, n: int, seed: int) -> xr.Dataset:
        """``n`` independent draws from the prior, as a dataset with dimension ``trajectory``.

        Raises:
            ValueError: if ``n`` is not a whole number ≥ 1 or ``seed`` not one ≥ 0.
        """
        return labels.parameter_dataset(self, prior.drawn(self.parameters, n, seed))

    def sample_truth(self, seed: int) -> xr.Dataset:
        """Parameters of a twin's truth, one trajectory, drawn from the prior."""
        return self.sample_parameters(1, seed).isel(trajectory=0)

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
        return labels.field_dataset(self, fields.cpu().numpy(), values, "the solver")

    # -- scales of fields and parameters ---------------------------------------------------

    def relief(self) -> np.ndarray | None:
        """Height of the ground on the grid, (ny, nx), in m; None where it is flat."""
        return None

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

    def at_rest(self) -> Tensor:
        """The normalised value of zero, (V,)."""
        return self.normalise(torch.zeros(len(self.variables), 1, 1, dtype=torch.float32))[:, 0, 0]

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


_CONSTANTS: dict[tuple, Tensor] = {}
"""Never freed: recorded graphs read them."""


def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept on the device: a transfer would wait for all its work."""
    key = values, dtype, device
    if key not in _CONSTANTS:
        with torch.inference_mode(False):  # may be used with gradients later
            _CONSTANTS.setdefault(key, torch.tensor(values, dtype=dtype, device=device))
    return _CONSTANTS[key]
