"""Files of sweeps, as ``ldensf verify --output`` writes them, and what is asked of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ldensf_core import FILTERS
from ldensf_core.benchmarks import get_benchmark, list_benchmarks
from ldensf_core.verification import archive
from ldensf_core.verification.table import rows

FIXED = ("seed", "missing", "split", "model_error", "options", "weights")
"""Attributes in which files that are shown as one agree."""


@dataclass(frozen=True)
class Run:
    """One filter in one setting, over all truths that it was run on.

    Attributes:
        row: as in the table of ``ldensf verify``.
        scores: (truth, time).
        final: relative RMSE over the last quarter of the cycles, (truth,).
    """

    row: dict[str, Any]
    scores: xr.Dataset
    final: np.ndarray

    @property
    def truths(self) -> list[int]:
        """Their numbers in the split."""
        return self.scores["truth"].values.tolist()

    def __getitem__(self, score: str) -> float:
        """A number of the row, NaN if it is not finite."""
        return math.nan if self.row[score] is None else self.row[score]


@dataclass(frozen=True)
class Sweep:
    """All that is known of a benchmark.

    Attributes:
        made: attributes of each file, and the ``devices`` that its runs were made by.
    """

    benchmark: str
    scores: xr.Dataset
    made: list[dict[str, Any]]

    @property
    def default(self) -> dict[str, Any]:
        """The setting from which the others depart in one thing."""
        sensors = math.prod(get_benchmark(self.benchmark).sensor_grid)
        return {
            "sensors": sensors,
            "layout": "grid",
            "variables": archive.ALL,
            "noise": 0.1,
            "every": 1,
            "members": 20,
        }

    @property
    def filters(self) -> list[str]:
        """All in the file, in the order of the app."""
        return [name for name in FILTERS if name in self.scores["filter"].values]

    def comparable(self, points: Sequence[Mapping[str, Any]]) -> dict[str, list[Run | None]]:
        """By filter, its runs with each of some departures, all of the same truths.

        These are the ones that every filter was run on wherever it was run at all.
        """
        found = {name: [self.run(name, **point) for point in points] for name in self.filters}
        of = [set(run.truths) for line in found.values() for run in line if run]
        truths = set.intersection(*of) if of else set()
        return {
            name: [run and self.run(name, truths, **p) for run, p in zip(line, points, strict=True)]
            for name, line in found.items()
            if any(line) and truths
        }

    def run(self, name: str, truths: Set[int] | None = None, **departure: Any) -> Run | None:
        """A filter in the default setting, but for a departure; None if it was not run.

        Of all ``truths`` that it was run on, if no others are named.
        """
        at = {"filter": name, **self.default, **departure}
        if not all(value in self.scores[axis].values for axis, value in at.items()):
            return None
        of = self.scores.sel({axis: [value] for axis, value in at.items()})
        of = of.isel(truth=(of["device"] != "").values.ravel())
        if truths is not None:
            of = of.sel(truth=sorted(truths))
        if not of.sizes["truth"]:
            return None
        (row,) = rows(of)
        scores = of.isel(dict.fromkeys(at, 0))
        n = scores.sizes["time"]
        last = scores["rel_rmse"].isel(time=np.arange(n) >= 0.75 * n)
        return Run(row, scores, last.mean("time", skipna=False).values)

    def values(self, axis: str, **departure: Any) -> list[Any]:
        """Values of one axis for which some filter was run, the rest being default."""
        return [
            value
            for value in sorted(self.scores[axis].values.tolist())
            if any(self.run(name, **departure, **{axis: value}) for name in self.filters)
        ]


def load(paths: Sequence[Path]) -> dict[str, Sweep]:
    """By benchmark, in the order of the registry; files of the same one are put together.

    Raises:
        ValueError: naming the file, if it is no sweep, or does not go together with another.
    """
    sweeps: dict[str, Sweep] = {}
    for path in paths:
        new = _read(path)
        name = new.attrs["benchmark"]
        old = sweeps.get(name)
        scores = new if old is None else _together(old.scores, new, path)
        made = new.attrs | {"devices": sorted({*new["device"].values.ravel()} - {""})}
        sweeps[name] = Sweep(name, scores, [*(old.made if old else []), made])
    return {name: sweeps[name] for name in list_benchmarks() if name in sweeps}


def _read(path: Path) -> xr.Dataset:
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    scores = archive.opened(path)
    known = {*archive.SCORES, "rank_histogram", "device"} <= set(scores)
    if not known or scores.attrs.get("benchmark") not in list_benchmarks():
        raise ValueError(f"{path} is no file of a sweep: ldensf verify --output writes such")
    unknown = set(scores["filter"].values) - set(FILTERS)
    if unknown:
        raise ValueError(f"{path} has filters that are unknown here: {', '.join(sorted(unknown))}")
    return scores


def _together(old: xr.Dataset, new: xr.Dataset, path: Path) -> xr.Dataset:
    try:
        agreed = archive.together(old.attrs, new.attrs, FIXED)
    except ValueError as error:
        raise ValueError(
            f"{path} and another file of the same benchmark: {error}; show them one at a time"
        ) from None
    mine, other = xr.align(old["device"], new["device"], join="inner")
    if ((mine != "") & (other != "")).any():
        raise ValueError(f"{path} holds runs that another file holds too: name one of them")
    old, new = (of.assign(device=of["device"].where(of["device"] != "")) for of in (old, new))
    both = old.combine_first(new)
    return both.assign(device=both["device"].fillna("")).assign_attrs(old.attrs | agreed)
