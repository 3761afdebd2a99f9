"""All figures of a result as one page."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import xarray as xr

from ldensf_app.figures import fields, series, style
from ldensf_app.record.course import liveliest
from ldensf_app.record.run import Run


def board(result: xr.Dataset, time: int = -1) -> hv.Layout:
    """Maps of one cycle, then errors, parameters, innovations, times, and the course at a place.

    The place is that of the sensor where the truth varies most; there is no course where a dataset
    holds fields of one cycle only.

    Args:
        result: what ``TwinExperiment.run`` returns.
        time: index of the cycle that is mapped; negative ones count from the end.

    Raises:
        ValueError: as ``maps`` does.
    """
    run = Run(result)
    figures: list[Any] = [*fields.maps(result, time), series.errors(result)]
    figures += [*series.parameters(result), series.innovations(result), series.times(result)]
    if run.moving:
        figures.append(fields.fan(result, *liveliest(run, run.variable(None).name)))
    return style.page(figures, fields.COLUMNS, style.WIDTH + 60, style.HEIGHT + 40)
