"""The scores of a sweep, as one labelled dataset and its file.

A score has the dimensions ``(*AXES, time)``.
``rank_histogram`` has ``rank`` instead of ``time``; ``device``, which made the run, has neither.
Runs not made yet are NaN, with an empty ``device``. A file may hold several sweeps; each widens it.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ldensf_core.benchmarks import Benchmark, labels
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.conventions import conventional, described

AXES = {
    "filter": "filter",
    "sensors": "number of sensors",
    "layout": "how the sensors are placed",
    "variables": "variables that are measured: all, or names joined by +",
    "noise": "standard deviation of the observations over each variable's own",
    "every": "snapshots from one observation to the next",
    "members": "ensemble size",
    "truth": "number of the trajectory in its split",
}
"""Labels of a run, and their meaning."""
LABELS = ("filter", "layout", "variables")
"""Labels that are words; the others are numbers, in rising order."""
ALL = "all"
"""The label of ``variables`` where all are measured."""

SCORES = {
    "rel_rmse": ("‖ensemble mean − truth‖/‖truth‖", "1"),
    "rel_spread": ("‖ensemble spread‖/‖truth‖", "1"),
    "crps": ("continuous ranked probability score, unbiased for small ensembles", "1"),
    "square_error": ("mean square error of the ensemble mean", "1"),
    "variance": ("mean variance of the ensemble, unbiased", "1"),
    "coverage90": ("share of the truth within the central 90 % of the ensemble", "1"),
    "parameter_error": ("absolute error of the mean parameters over the prior's width", "1"),
    "chi2": ("χ²/n of the observation's innovation: 1 is expected", "1"),
    "forecast_ms": ("time of the forecast", "ms"),
    "analysis_ms": ("time of the analysis, encoding included", "ms"),
    "decode_ms": ("time of decoding mean and spread", "ms"),
}
"""Scores by time: meaning and units."""

MADE = ("command", "environment")
"""Attributes on how a file's runs were made: one line for each different sweep."""

OF_SCORES = (
    "Fields are normalised with the training mean and standard deviation of each variable. Norms "
    "and means go over all variables, and over the grid with weights proportional to area."
)
OF_RANKS = (
    "Relative frequency, all times together, weighted with area, on every few points of the grid; "
    "a truth that equals members counts in equal parts for each rank that it may have."
)


def blank(
    benchmark: Benchmark, over: Mapping[str, Sequence], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """A dataset without results, for all values of ``over``, which has each of ``AXES``."""
    over = {axis: over[axis] if axis in LABELS else sorted(over[axis]) for axis in AXES}
    shape = tuple(len(over[axis]) for axis in AXES)
    coordinates: dict[str, Any] = {
        axis: (
            axis,
            list(over[axis]),
            {"long_name": name} if axis in LABELS else described(name),
        )
        for axis, name in AXES.items()
    }
    coordinates["time"] = labels.coordinates(benchmark)["time"]
    ranks = np.arange(max(over["members"]) + 1)
    coordinates["rank"] = ("rank", ranks, described("members that the truth exceeds"))
    data: dict[str, Any] = {
        score: (
            (*AXES, "time"),
            np.full((*shape, benchmark.n_times), np.nan),
            described(name, units),
        )
        for score, (name, units) in SCORES.items()
    }
    data["rank_histogram"] = (
        (*AXES, "rank"),
        np.full((*shape, len(ranks)), np.nan),
        described("rank of the truth in the ensemble", comment=OF_RANKS),
    )
    data["device"] = (tuple(AXES), np.full(shape, "", object), {"long_name": "run by"})
    return conventional(
        xr.Dataset(data, coordinates, {**attributes, "comment": OF_SCORES}),
        f"{benchmark.title}: scores of filters",
        "runs of the solver, observed with noise and followed by filters",
    )


def reopened(path: Path, new: xr.Dataset, fixed: Sequence[str]) -> xr.Dataset:
    """``new``, widened by and filled with the results in the file at ``path``.

    Raises:
        ValueError: if the file is not a sweep, or differs in an attribute of ``fixed``.
    """
    old = opened(path)
    if set(old) != set(new) or not old["time"].equals(new["time"]):
        raise ValueError(f"{path} is no file of a sweep of {new.attrs['benchmark']}")
    try:
        agreed = together(old.attrs, new.attrs, fixed)
    except ValueError as error:
        raise ValueError(f"{path} and what is asked for: {error}; write to another file") from None
    both = old.combine_first(new)
    both["device"] = both["device"].astype(object)  # texts of any length, as in ``blank``
    for name in both.variables:
        both[name].attrs, both[name].encoding = new[name].attrs, new[name].encoding
    made = {
        name: "\n".join(dict.fromkeys([*old.attrs[name].splitlines(), new.attrs[name]]))
        for name in MADE
    }
    return both.assign_attrs(new.attrs | agreed | made)


def opened(path: Path) -> xr.Dataset:
    """The scores in a file.

    Older files know neither which variables are measured, which is all, nor model errors, of
    which there is none, nor ``chi2``, which is NaN.

    Raises:
        ValueError: if the file cannot be read.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            scores = file.load().drop_encoding()  # else longer labels are truncated
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no file of a sweep: {error}") from error
    if "variables" not in scores.variables:
        scores = scores.expand_dims(variables=[ALL])
    scores.attrs.setdefault("model_error", NONE)
    if "chi2" not in scores and "crps" in scores:
        scores["chi2"] = scores["crps"] * math.nan
    return scores.transpose(*AXES, ..., missing_dims="ignore")


def together(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """The common attributes ``names`` of two sweeps, which must agree.

    ``options``, which are by filter, must agree for the filters in both.

    Raises:
        ValueError: if they differ in one; names it, with both values.
    """
    agreed = {name: new[name] for name in names}
    for name in names:
        of_old, of_new = old.get(name), new[name]
        if name == "options" and of_old is not None:
            both = json.loads(of_old), json.loads(of_new)
            agreed[name] = json.dumps(both[0] | both[1], sort_keys=True)
            common = both[0].keys() & both[1].keys()
            of_old, of_new = ({key: one[key] for key in common} for one in both)
        if of_old != of_new:
            raise ValueError(f"runs with {name} = {of_old} and with {of_new} cannot be in one file")
    return agreed


def put(dataset: xr.Dataset, at: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Enter the results of one filter's run; ``at`` has each of ``AXES``."""
    for name, value in values.items():
        where = dict(at)
        if name == "rank_histogram":
            where["rank"] = np.arange(len(value))
        dataset[name].loc[where] = value


def finished(dataset: xr.Dataset, at: Mapping[str, Any]) -> bool:
    """Whether the run at these coordinates has been entered."""
    return bool(dataset["device"].loc[dict(at)] != "")


def command() -> str:
    """The command that this process was started with."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
