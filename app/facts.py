"""What stands beside the charts: the race of the filters, and the unknown parameters in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

from ldensf_app import units
from ldensf_app.colours import look
from ldensf_app.labels import FULL_SPACE, filter_of, members_of
from ldensf_app.readout import benchmark_of, called, marked, sign, waiting
from ldensf_app.view import View


def race(view: View, pace: float) -> str:
    """How far every filter is, what it has used, and what it would take to keep up.

    Args:
        pace: cycles per second that were asked for; infinite for as fast as it goes.
    """
    if view.lead.setup is None or view.lead.index < 0:
        return ""
    last, rows, history = benchmark_of(view).n_times - 1, [], view.history()
    for name, records in history.items():
        snapshot = view.of(name)
        used = sum(r.cycle_ms for r in records) / 1000
        done = 100 * max(snapshot.index, 0) / last
        median = snapshot.median_ms(name)
        cycles, size = len(records), len(records[-1].parameters)
        count = f"{cycles} cycle{'s' * (cycles > 1)}"
        told = f"{count} in {used:.{2 if used < 10 else 0}f} s"
        if snapshot.index < view.lead.index and median > 0:
            wanted = pace if math.isfinite(pace) else 1000 / _fastest(view)
            factor = median * wanted / 1000
            told += f", {factor:,.{0 if factor >= 10 else 1}f} × too slow" if factor > 1 else ""
        hint = f"{count} of {size} members took {used:.3g} s of computing time"
        bar = f'<i style="width: {done:.1f}%; {_fill(name, view.labels)}"></i>'
        rows.append(_row(name, view, bar, told, hint))
    if to_come := waiting(view):
        labels = (n for n, of in view.lead.setup.classes.items() if of.kind == FULL_SPACE)
        rows += [_row(n, view, "", to_come, to_come) for n in labels if n not in history]
    device = escape(view.lead.device)
    return f'<div class="race" title="Computing time, on {device}">{"".join(rows)}</div>'


def _row(label: str, view: View, bar: str, told: str, hint: str) -> str:
    return (
        f'<span class="who">{marked(label, view.labels)}</span><span class="lane">{bar}</span>'
        f'<span class="told" title="{hint}">{told}</span>'
    )


def _fill(label: str, labels: Iterable[str]) -> str:
    """The style of a filter's bar: its colour, with its dash if it is there once more."""
    colour, _, dash = look(label, labels)
    if members_of(label) is None:
        return f"background: {colour}"
    stops, at = [], 0
    for place, width in enumerate(dash):
        ink = "transparent" if place % 2 else colour
        stops.append(f"{ink} {at}px {at + width}px")
        at += width
    return f"background: repeating-linear-gradient(90deg, {', '.join(stops)})"


def _fastest(view: View) -> float:
    """Median ms of the quickest filter's cycle."""
    medians = [view.of(name).median_ms(name) for name in view.history()]
    return min((m for m in medians if m > 0), default=math.nan)


def parameters(view: View, benchmark: Any) -> str:
    """The unknown parameters in numbers: the truth, and what the ensembles believe."""
    truth = view.lead.true_parameters
    if truth is None:
        return ""
    lines = []
    for i, p in enumerate(benchmark.parameters):
        width = p.high - p.low
        told = [f"<b>{units.named(units.short(p), p.units)}</b>"]
        told.append(f"<span>truth {truth[i]:.{units.decimals(width)}f}</span>")
        for name in _estimating(view):
            values = view.latest(name).parameters[:, i]
            told.append(
                f'<span title="{called(name)}">'
                f"{sign(name, view.labels)}{estimate(values.mean(), values.std(), width)}</span>"
            )
        lines.append(f'<div class="numbers">{"".join(told)}</div>')
    return "".join(lines)


def _estimating(view: View) -> list[str]:
    """The first three filters that correct the parameters."""
    there = [n for n in dict.fromkeys((*view.shown, *view.history())) if view.latest(n)]
    return [n for n in there if filter_of(n).corrects_parameters][:3]


def estimate(mean: float, std: float, width: float) -> str:
    """Mean ± standard deviation, with one more decimal where the deviation is small.

    Args:
        width: of the prior range.
    """
    digits = units.decimals(width) + (std < 0.006 * width)
    return f"{mean:.{digits}f} ± {std:.{digits}f}"
