"""Texts of the page: tiles, the status line, notes. Pure functions from snapshots to HTML."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from app.colours import FILTER_COLOURS, FILTER_LABELS, FILTER_SHORT
from app.race import View
from app.settings import ENSF, FREE_RUN, LD_ENSF, Settings

NOTHING = "–"
HINTS = {
    "step": "Snapshots of the truth so far; observations are made at some or all of them.",
    "error": "Error: ‖mean − truth‖ / ‖truth‖ over all variables, each in units of its standard "
    "deviation. Spread: standard deviation of the ensemble on the same scale; where a filter "
    "knows what it does not know, the two are alike.",
    "hero": "Median computing time of a forecast and an analysis together, over the cycles that "
    "had both. Filters run beside each other, each on one core or on the GPU. Computing mean and "
    "spread for the maps is not counted.",
}


def story(benchmark: Any) -> str:
    """One line that says what is going on."""
    text = f"{benchmark.title}: the whole field, and its origin, from a few noisy sensors"
    return f'<div class="story">{text}</div>'


def tiles(view: View, benchmark: Any) -> str:
    """The row of numbers: step, errors of the filters, and how much faster a cycle is."""
    return (
        '<div class="tiles">'
        + _step_tile(view, benchmark)
        + "".join(_error_tile(view, name) for name in (LD_ENSF, ENSF, FREE_RUN))
        + _ratio_tile(view)
        + "</div>"
    )


def _tile(kind: str, name: str, value: str, sub: str, tint: str = "inherit") -> str:
    hint = HINTS.get(kind, HINTS["error"])
    return (
        f'<div class="tile {kind}" style="--tint: {tint}" title="{escape(hint)}">'
        f'<div class="name">{name}</div>'
        f'<div class="value">{value}</div><div class="sub">{sub}</div></div>'
    )


def _step_tile(view: View, benchmark: Any) -> str:
    index, last = view.lead.index, benchmark.n_times - 1
    if index < 0:
        return _tile(
            "step", "step", NOTHING, {"loading": "loading …"}.get(view.lead.phase, "&nbsp;")
        )
    done = 100 * index / last
    time = f"{benchmark.times[index]:.2f} {benchmark.time_units} of model time"
    bar = f'<div class="bar"><div style="width: {done:.1f}%"></div></div>'
    value = f'<span class="counter">{index}</span><small> / {last}</small>'
    return _tile("step", "step", value, time + bar)


def _error_tile(view: View, name: str) -> str:
    label, record = f"{FILTER_LABELS[name]}: error", view.latest(name)
    if record is None:
        return _tile(name, label, NOTHING, "&nbsp;", FILTER_COLOURS[name])
    sub = f"spread {percent(record.spread)}"
    if name == ENSF:
        sub = lag(view) or sub
    return _tile(name, label, percent(record.error), sub, FILTER_COLOURS[name])


def lag(view: View) -> str:
    """How far the full-space filter is behind; empty if it keeps up."""
    snapshot = view.of(ENSF)
    if snapshot is None or view.lead.index <= snapshot.index:
        return ""
    return f"at step {snapshot.index}, {view.lead.index - snapshot.index} behind"


def _ratio_tile(view: View) -> str:
    latent, full = view.of(LD_ENSF), view.of(ENSF)
    fast = latent.median_ms(LD_ENSF) if latent else math.nan
    slow = full.median_ms(ENSF) if full else math.nan
    ratio = slow / fast
    digits = 0 if ratio >= 10 else 1
    value = f"{ratio:,.{digits}f} ×<small> faster per cycle</small>" if ratio > 0 else NOTHING
    sub = f"{milliseconds(fast)} against {milliseconds(slow)}, median"
    if view.lead.device:
        sub += f", on {escape(view.lead.device)}"
    return _tile("hero", "LD-EnSF against full-space EnSF", value, sub)


def message(text: str) -> str:
    """Something went wrong; says what, and what to do."""
    return f'<div class="message" role="alert">{escape(text)}</div>'


def status(view: View, settings: Settings) -> str:
    """What the run that is shown was made with, or what went wrong with it."""
    setup = view.lead.setup
    if view.message:
        return message(view.message)
    if setup is None:
        return '<div class="status">&nbsp;</div>'
    minutes = settings.snapshot_minutes() * setup.every
    parts = [
        f"<b>{setup.sensors}</b> sensors ({setup.layout}) every <b>{minutes:.0f}</b> min",
        f"noise <b>{setup.noise:.2f}</b> std",
        f"missing <b>{setup.missing:.0%}</b>",
        f"<b>{setup.members}</b> members, {setup.rule} analysis",
        f"EnSF <b>{setup.full_space_members}</b> members",
        f"seed <b>{setup.seed}</b>",
    ]
    return f'<div class="status">{" · ".join(parts)}</div>'


def head(text: str, note: str = "", right: str = "") -> str:
    """A card's title with a lighter note beside it, and something at the right."""
    return (
        f'<div class="head"><div class="title">{text}<span class="note">{note}</span></div>'
        f"{right}</div>"
    )


def legend(names: tuple[str, ...], spread: bool) -> str:
    """Coloured names of the filters, and what a dashed line means."""
    items = [
        f'<span><i style="border-color: {FILTER_COLOURS[n]}"></i>{FILTER_SHORT[n]}</span>'
        for n in names
    ]
    if spread:
        items.append('<span><i class="dashed"></i>spread</span>')
    return f'<div class="legend">{"".join(items)}</div>'


def parameters(view: View, benchmark: Any) -> str:
    """The unknown parameters in numbers: the truth, and what the ensembles believe."""
    truth = view.lead.true_parameters
    if truth is None:
        return ""
    blocks = []
    for i, p in enumerate(benchmark.parameters):
        lines = f"<b>{p.name.replace('_', ' ')} ({p.units})</b><span>× {truth[i]:.0f} truth</span>"
        for name, label in ((LD_ENSF, ""), (FREE_RUN, " prior")):
            if record := view.latest(name):
                values = record.parameters[:, i]
                lines += (
                    f'<span class="{name}" style="color: {FILTER_COLOURS[name]}">'
                    f"● {estimate(values.mean(), values.std())}{label}</span>"
                )
        blocks.append(f"<div>{lines}</div>")
    return f'<div class="numbers">{"".join(blocks)}</div>'


def estimate(mean: float, std: float) -> str:
    """Mean ± standard deviation, with a decimal where the deviation is small."""
    digits = 0 if std >= 3 else 1
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def percent(fraction: float) -> str:
    """A fraction as a percentage with two significant digits."""
    if not math.isfinite(fraction):
        return NOTHING
    return f"{100 * fraction:.1f} %" if fraction < 0.0995 else f"{100 * fraction:,.0f} %"


def milliseconds(time: float) -> str:
    """A time in ms or s, two or three digits."""
    if not math.isfinite(time):
        return NOTHING
    if time >= 1000:
        return f"{time / 1000:.1f} s"
    return f"{time:.1f} ms" if time < 10 else f"{time:.0f} ms"


def shown_filter(view: View) -> str:
    """The filter whose spread is mapped: LD-EnSF, or EnSF if that runs alone."""
    return ENSF if view.of(ENSF) and not view.of(LD_ENSF) else LD_ENSF


def map_title(name: str, view: View, quantity: str) -> str:
    """Title of a map card, with the step it shows where that is not the leading one.

    Args:
        quantity: what is mapped and its unit; stands above the colour bar.
    """
    unit = f'<span class="unit">{quantity}</span>'
    if name == "truth":
        count = 0 if view.lead.sensors is None else len(view.lead.sensors)
        return head("Truth", f"and {count} sensors" if count else "")
    if name == "spread":
        return head("Uncertainty", f"spread of {FILTER_SHORT[shown_filter(view)]}", unit)
    text = f'<span style="color: {FILTER_COLOURS[name]}">{FILTER_LABELS[name]}</span>'
    return head(text, (lag(view) if name == ENSF else "") or "mean", unit)
