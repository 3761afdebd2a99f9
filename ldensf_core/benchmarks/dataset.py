"""A benchmark made from data: given runs instead of a solver.

The input is one netCDF file or dataset, in the format of ``ldensf simulate``:

=================  ==========================  ====================================================
what               dimensions                  attributes, all optional
=================  ==========================  ====================================================
a variable         (trajectory, time, y, x)    ``units``, ``long_name``, ``standard_name``
a parameter        (trajectory,)               ``units``, ``long_name``; ``low`` and ``high``: its
                                               prior, by default from least to largest
``time``           (time,), even               ``units``
``x`` and ``y``    (x,) and (y,), even, from   ``units``, ``long_name``; ``periodic``: 1 on an axis
                   low to high                 whose ends meet; ``low`` and ``high``: its bounds,
                                               by default half a cell beyond the outermost points
=================  ==========================  ====================================================

Dimensions distinguish variables from parameters; names are free. Longitudes and latitudes (units
``degrees_east`` for x, ``degrees_north`` for y) make a globe, anything else a box. Texts by
trajectory, scalars, and a coordinate ``trajectory`` are ignored.

Every difference between runs must be a parameter. In the order of the dataset, the last fifth of
the runs is for tests, the fifth before it for validation, the rest for training.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import labels
from ldensf_core.benchmarks.base import Benchmark
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.layout import checked_layout, domain_of, even_times
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.checks import is_whole
from ldensf_core.conventions import shown

SAME = 1e-5
"""Parameters that differ by less than this share of the prior's width count as equal: the error of
single precision."""


class DatasetBenchmark(Benchmark):
    """Runs and their parameters. A state is the index of a run and of a snapshot.

    Truths of twin experiments are its test runs; surrogates learn from its training runs. Latent
    filters work as on any other benchmark; filters that run the solver do not.

    Args:
        dataset: as in the module's table; held in memory, in single precision.
        name: for messages, files and weights. ``title``: for people; by default the dataset's.

    Attributes:
        values: parameters of all runs, (runs, P). ``splits``: the runs of each split.
        path: of its file, if any.

    Raises:
        ValueError: if something is missing, NaN, uneven or has wrong dimensions, naming it.
    """

    has_solver = False

    def __init__(
        self, dataset: xr.Dataset, name: str | None = None, title: str | None = None
    ) -> None:
        self.name = name or "dataset"
        self.title = title or str(dataset.attrs.get("title", self.name))
        self.path: Path | None = None
        variables, parameters = checked_layout(dataset)
        self.domain = domain_of(dataset)
        self.times, self.time_units = even_times(dataset)
        self.sensor_grid = tuple(min(10, n) for n in reversed(self.grid_shape))
        fields = [dataset[v].transpose(*labels.DIMS).values for v in variables]
        self._runs = torch.as_tensor(
            np.stack(fields, axis=2, dtype=np.float32, casting="same_kind")
        )
        self.values = np.stack([dataset[p].values.astype(float) for p in parameters], axis=-1)
        self.parameters = tuple(_parameter(dataset[p]) for p in parameters)
        if len(np.unique(self.values, axis=0)) < len(self.values):
            raise ValueError(
                f"{self.name}: two runs have the same parameters ({', '.join(parameters)}); every "
                "difference between runs must be a parameter"
            )
        fifth = max(1, len(self.values) // 5)
        self.splits = {
            "train": slice(-2 * fifth),
            "validation": slice(-2 * fifth, -fifth),
            "test": slice(-fifth, None),
        }
        self.variables = tuple(
            self._variable(dataset[v], self._runs[self.splits["train"], :, i])
            for i, v in enumerate(variables)
        )

    @classmethod
    def open(
        cls, path: str | Path, name: str | None = None, title: str | None = None
    ) -> DatasetBenchmark:
        """Read the runs in a netCDF file. Weights trained on ``runs.nc`` are in ``runs`` beside it.

        Args:
            name: by default the file's name, without its ending.

        Raises:
            ValueError: if it is not a netCDF file, or as for the class.
            OSError: if it cannot be read.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"there is no file {str(path)!r}")
        try:
            with xr.open_dataset(path, decode_times=False) as file:
                dataset = file.load()
        except ValueError as error:
            raise ValueError(f"{str(path)!r} cannot be read as netCDF: {error}") from error
        try:
            benchmark = cls(dataset, name or path.stem, title)
        except ValueError as error:
            raise ValueError(f"{str(path)!r} cannot be used: {error}") from error
        benchmark.path = path.absolute()
        benchmark.weights = benchmark.path.with_suffix("")
        return benchmark

    @property
    def known_as(self) -> str:
        """The path of its file, to open it again; without a file, its name."""
        return self.name if self.path is None else str(self.path)

    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """The first snapshots of the runs with these ``parameters`` (B, P): states (B, 2).

        Raises:
            ValueError: if no run has them.
        """
        known = self.unit_parameters(torch.as_tensor(self.values))
        asked = self.unit_parameters(parameters.double().cpu())
        away = (asked[:, None] - known).abs().amax(-1) / 2  # shares of the prior's width
        distance, nearest = away.min(dim=1)
        if (distance > SAME).any():
            row = int(distance.argmax())
            raise ValueError(
                f"{self._told(parameters[row])} is none of the {len(known)} runs (the nearest: "
                f"{self._told(self.values[nearest[row]])}), and {self._refusal()}"
            )
        yield torch.stack([nearest, torch.zeros_like(nearest)], dim=1).to(parameters)

    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """The next snapshot of the same runs."""
        return torch.stack([state[:, 0], state[:, 1] + 1], dim=1)

    def fields(self, state: Tensor) -> Tensor:
        """The dataset's fields, (B, V, ny, nx)."""
        run, snapshot = state.long().cpu().unbind(dim=1)
        return self._runs[run, snapshot].to(state)

    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """Raise ``ValueError``: only the fields of the runs have states."""
        raise ValueError(self._refusal())

    def split(self, name: str) -> xr.Dataset:
        """Parameters of the ``train``, ``validation`` or ``test`` runs."""
        if name not in self.splits:
            raise ValueError(f"split {name!r} is unknown; there are {', '.join(self.splits)}")
        return labels.parameter_dataset(self, self.values[self.splits[name]])

    def sample_truth(self, seed: int) -> xr.Dataset:
        """Parameters of one of the test runs, which training never uses."""
        if not is_whole(seed, 0):
            raise ValueError(f"seed = {seed!r}: a whole number of at least 0 is needed")
        runs = self.split("test")
        return runs.isel(trajectory=np.random.default_rng(seed).integers(runs.sizes["trajectory"]))

    def _variable(self, array: xr.DataArray, values: Tensor) -> Variable:
        """With the mean and standard deviation of its training ``values`` (B, T, ny, nx)."""
        values = values.double()
        area = self.domain.areas(values)
        mean = float((area * values).mean())
        std = float((area * (values - mean).square()).mean().sqrt())
        if not std > 0:
            raise ValueError(f"variable {array.name!r} is {mean:g} everywhere: leave it out")
        attributes = array.attrs
        return Variable(
            str(array.name),
            attributes.get("long_name", str(array.name)),
            shown(attributes.get("units", "1")),
            mean,
            std,
            attributes.get("standard_name", ""),
        )

    def _told(self, values: np.ndarray | Tensor) -> str:
        return ", ".join(
            f"{p.name} = {float(value):g}" + (f" {p.units}" if p.units != "1" else "")
            for p, value in zip(self.parameters, values, strict=True)
        )

    def _refusal(self) -> str:
        source = self.name if self.path is None else self.path.name
        return f"{source} has no solver, so full-space filters cannot run: choose latent filters"


def _parameter(array: xr.DataArray) -> Parameter:
    attributes, values = array.attrs, array.values.astype(float)
    low = float(attributes.get("low", values.min()))
    high = float(attributes.get("high", values.max()))
    if not low < high:
        raise ValueError(f"parameter {array.name!r} is {low:g} in all runs: leave it out")
    if values.min() < low or values.max() > high:
        raise ValueError(
            f"parameter {array.name!r} goes from {values.min():g} to {values.max():g}, beyond its "
            f"bounds low = {low:g} and high = {high:g}"
        )
    name = str(array.name)
    units = shown(attributes.get("units", "1"))
    # There is no solver for anything beyond.
    return Parameter(name, attributes.get("long_name", name), units, low, high, (low, high))
