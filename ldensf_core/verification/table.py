"""The verification table: filters and settings, averaged over truths."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from ldensf_core.scores import spread_skill


def rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    """One row for each setting and filter in the result of ``verify``, averaged over truths.

    ``rel_rmse``, ``crps`` and ``coverage90`` are averaged over the cycles, ``rel_rmse_final`` and
    ``parameter_error`` (of the ensemble mean, over the prior's width) over their last quarter.
    ``spread_skill`` is a ratio of averages; times are medians over cycles.
    """
    found = []
    setting = ("sensors", "layout", "variables", "noise", "every")
    axes = (*setting, "members", "filter")
    for values in itertools.product(*(scores[axis].values.tolist() for axis in axes)):
        at = dict(zip(axes, values, strict=True))
        of = scores.sel(at)
        row = {
            "benchmark": scores.attrs["benchmark"],
            **{axis: at[axis] for axis in ("filter", "members", *setting)},
            "truths": scores.sizes["truth"],
            "seed": scores.attrs["seed"],
            "device": " / ".join(sorted(set(of["device"].values.tolist()))),
        }
        found.append(row | _summary(of, at["members"]))
    return found


def as_text(rows: list[dict[str, Any]]) -> str:
    """Rows under their column names, aligned."""
    lines = [list(rows[0])] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def _summary(scores: xr.Dataset, members: int) -> dict[str, float | None]:
    """The scores of a row, from scores (truth, time)."""
    n_times = scores.sizes["time"]
    final = scores.isel(time=np.arange(n_times) >= 0.75 * n_times)

    def mean(of: xr.DataArray) -> float:
        return float(np.mean(of.values.ravel()))

    summary = {
        "rel_rmse": mean(scores["rel_rmse"]),
        "rel_rmse_final": mean(final["rel_rmse"]),
        "crps": mean(scores["crps"]),
        "spread_skill": spread_skill(
            mean(scores["variance"]), mean(scores["square_error"]), members
        ),
        "coverage90": mean(scores["coverage90"]),
        "parameter_error": mean(final["parameter_error"]),
        **{
            key: float(scores[key].median(skipna=True))
            for key in ("forecast_ms", "analysis_ms", "decode_ms")
        },
    }
    return {key: value if np.isfinite(value) else None for key, value in summary.items()}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
