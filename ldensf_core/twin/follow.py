"""The loop of forecast and analysis along a twin, with the time that each takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from ldensf_core.device import Stopwatch
from ldensf_core.filters import Estimate, Filter
from ldensf_core.twin.twin import Moment, Twin

SPLIT_EVERY = 5
"""At every fifth observation, forecast and analysis are run and timed separately. At the others
they run together, on a GPU in a single launch if the filter can."""


@dataclass(frozen=True, eq=False)
class FilterCycle:
    """One filter after one cycle.

    Attributes:
        estimate: with mean and spread already decoded.
        cycle_ms: time of forecast, encoding and analysis; the initial snapshot has no forecast,
            a snapshot without observation no analysis. On a GPU it is the time in the filter's
            stream, without what the filter prepares on the CPU (``expect``).
        forecast_ms, analysis_ms: separate times, at every ``SPLIT_EVERY``-th observation that the
            filter got; elsewhere NaN.
        decode_ms: time of decoding mean and spread.
    """

    estimate: Estimate
    cycle_ms: float
    forecast_ms: float
    analysis_ms: float
    decode_ms: float


@dataclass(frozen=True, eq=False)
class Cycle(Moment):
    """A moment of a twin, with the filters' estimates.

    Attributes:
        filters: by label.
    """

    filters: Mapping[str, FilterCycle]

    @property
    def estimate(self) -> Estimate:
        """The estimate, if there is only one filter."""
        (only,) = self.filters.values()
        return only.estimate


def follow(filters: Filter | Mapping[str, Filter], twin: Twin) -> Iterator[Cycle]:
    """Run filters from snapshot 0 along a twin to its end; yield one ``Cycle`` a snapshot.

    Each observation is assimilated at its snapshot; the solver or surrogate forecasts in between.

    Args:
        filters: one, or several by label.
    """
    if not isinstance(filters, Mapping):
        filters = {filters.name: filters}
    earlier = 0  # observations that the filters got
    for moment in map(twin.moment, range(len(twin))):
        given = moment.assimilate and moment.observation is not None
        split = given and moment.index > 0 and earlier % SPLIT_EVERY == 1 % SPLIT_EVERY
        # Keep no cycle's estimates in memory while the next is computed.
        yield Cycle(
            **vars(moment),
            filters={
                label: _cycle(filter_, moment, split, twin.device)
                for label, filter_ in filters.items()
            },
        )
        earlier += given


def _cycle(filter_: Filter, moment: Moment, split: bool, device: torch.device) -> FilterCycle:
    watch = Stopwatch(device)
    observation = moment.observation if moment.assimilate else None
    if observation is not None and device.type == "cuda":
        filter_.expect(observation)  # timing on a GPU starts with the transfer
    watch.mark()
    if split:
        filter_.forecast()
        watch.mark()
    if moment.index and not split:
        filter_.cycle(observation)
    elif observation is not None:
        filter_.analyse(observation)
    watch.mark()
    estimate = filter_.estimate()
    _ = estimate.mean, estimate.spread
    watch.mark()
    *parts, decoded = watch.milliseconds()
    forecast, analysis = parts if split else (math.nan, math.nan)
    return FilterCycle(estimate, sum(parts), forecast, analysis, decoded)
