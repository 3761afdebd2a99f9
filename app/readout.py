"""Texts of the page: tiles, the status line, notes. Pure functions from snapshots to HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

from ldensf_app import units
from ldensf_app.colours import look
from ldensf_app.guide.glossary import term
from ldensf_app.labels import FULL_SPACE, LATENT, filter_of, title
from ldensf_app.scenario import BY_HAND
from ldensf_app.setup import runnable
from ldensf_app.view import View
from ldensf_core import FILTERS, CheckpointError, get_benchmark, load_pretrained
from ldensf_core.twin.follow import SPLIT_EVERY

NOTHING = "–"
HINTS = {
    "step": "Snapshots of the truth so far; observations are made at some or all of them.",
    "error": "Error: ‖mean − truth‖ / ‖truth‖ over all variables, each in units of its standard "
    "deviation. Spread: standard deviation of the ensemble on the same scale; the two are alike "
    "where a filter knows how wrong it is. χ²/n: squared differences of the latest observations "
    "from their forecasts, over their expected size; 1 where model, noise and spread are right.",
    "hero": "Median computing time of a forecast and an analysis together, over the cycles that "
    "had both. Filters run beside each other: each on one core of the CPU, or each in a stream of "
    f"the GPU, where it is timed. At every {SPLIT_EVERY}th observation the two are timed apart. "
    "Computing mean and spread for the maps is not counted.",
}
MARKERS = {
    "circle": "●", "square": "■", "diamond": "◆", "hex": "⬢", "star": "★", "triangle": "▲",
    "inverted_triangle": "▼", "plus": "✚", "cross": "+", "asterisk": "✱", "x": "✕",
}  # fmt: skip
"""Signs for Bokeh's markers."""


def called(name: str) -> str:
    """The title of a filter, as HTML."""
    return escape(title(name))


def benchmark_of(view: View) -> Any:
    """The benchmark of the run that is shown."""
    return get_benchmark(view.lead.setup.benchmark)


def story(benchmark: Any) -> str:
    """One line that says what is going on."""
    what = f"{benchmark.title}: {benchmark.story}"
    return f'<div class="story">{escape(what)}, from a few noisy sensors</div>'


def tiles(view: View, benchmark: Any) -> str:
    """The row of numbers: step, errors of the filters, and how much faster a cycle is."""
    return (
        '<div class="tiles">'
        + _step_tile(view, benchmark)
        + "".join(_error_tile(view, name) for name in view.in_tiles)
        + (_ratio_tile(view) if set(view.shown) <= set(view.in_tiles) else "")
        + "</div>"
    )


def _tile(kind: str, name: str, value: str, sub: str) -> str:
    hint = HINTS.get(kind, HINTS["error"])
    return (
        f'<div class="tile {kind}" title="{escape(hint)}">'
        f'<div class="name">{name}</div>'
        f'<div class="value">{value}</div><div class="sub">{sub}</div></div>'
    )


def _step_tile(view: View, benchmark: Any) -> str:
    index, last = view.lead.index, benchmark.n_times - 1
    done = 100 * max(index, 0) / last
    bar = f'<div class="bar"><div style="width: {done:.1f}%"></div></div>'
    if index < 0:
        doing = "spinning up …" if units.spin_up(benchmark) else "loading …"
        return _tile("step", "step", NOTHING, (doing if view.starting else "&nbsp;") + bar)
    time = f"model time: {units.moment(benchmark, index)}"
    value = f'<span class="counter">{index}</span><small> / {last}</small>'
    return _tile("step", "step", value, time + bar)


def _error_tile(view: View, name: str) -> str:
    heading, record = marked(name, view.labels), view.latest(name)
    full_space = filter_of(name).kind == FULL_SPACE
    if record is None:
        sub = (waiting(view) if full_space else "") or "&nbsp;"
        return _tile(name, heading, NOTHING, sub)
    explained = name == view.in_tiles[0]  # once is enough, and less to walk through by keys
    spread, chi2 = (term(word) if explained else word for word in ("spread", "χ²/n"))
    error = term("relative error", "error") if explained else "error"
    value = f'{percent(record.error)}<small class="what"> {error}</small>'
    sub = f"{spread} {percent(record.spread)}"
    if math.isfinite(record.chi2):
        sub += f"<br>{chi2} {record.chi2:.2f}"
    if full_space:
        sub = lag(view) or sub
    if not math.isfinite(record.error):
        sub = "Diverged: press Reset."
    return _tile(name, heading, value, sub)


def lag(view: View) -> str:
    """How far the full-space filters are behind; empty if they keep up."""
    snapshot = view.of(view.shown[1])
    if snapshot is None or view.lead.index <= snapshot.index:
        return ""
    return f"at step {snapshot.index}, {view.lead.index - snapshot.index} behind"


def waiting(view: View) -> str:
    """What full-space filters do before their first cycle; empty if that takes no time."""
    snapshot, setup = view.snapshots[1], view.lead.setup
    if setup is None or all(of.kind != FULL_SPACE for of in setup.classes.values()):
        return ""
    if snapshot.phase == "queued":
        return "busy with an earlier run"
    time = units.spin_up(get_benchmark(setup.benchmark))
    if snapshot.phase != "loading" or not time:
        return ""
    if snapshot.spun_up:
        left = snapshot.spin_up_s * (1 / snapshot.spun_up - 1)
        return f"spinning up: {percent(snapshot.spun_up)}, {left:.0f} s left"
    return f"spinning up {setup.full_space_members} members"


def _ratio_tile(view: View) -> str:
    fast, slow = (
        snapshot.median_ms(name) if (snapshot := view.of(name)) else math.nan for name in view.shown
    )
    ratio = slow / fast
    digits = 0 if ratio >= 10 else 1
    value = f"{ratio:,.{digits}f} ×<small> faster per cycle</small>"
    if ratio < 1:
        value = f"{1 / ratio:.1f} ×<small> slower per cycle</small>"
    sub = f"{milliseconds(fast)} against {milliseconds(slow)}, median"
    if view.lead.device:
        sub += f", on {escape(view.lead.device)}"
    if not ratio > 0:
        value, sub = _before_ratio(view)
    latent, full_space = map(called, view.shown)
    return _tile("hero", f"{latent} against full-space {full_space}", value, sub)


def _before_ratio(view: View) -> tuple[str, str]:
    """What stands in the place of the ratio until both filters have run a complete cycle."""
    pairs = zip(view.snapshots, view.shown, strict=True)
    phases = {snapshot.phase for snapshot, name in pairs if not snapshot.median_ms(name) > 0}
    after = "known after the first cycle of both"
    if phases & {"loading", "queued", "playing"}:
        return "starting", waiting(view) or after
    return ("press Play", after) if "paused" in phases else (NOTHING, "&nbsp;")


def message(text: str) -> str:
    """Something went wrong; says what, and what to do."""
    return f'<div class="message" role="alert">{escape(text)}</div>'


def note(text: str) -> str:
    """Something that is good to know."""
    return f'<div class="notice" role="status">{escape(text)}</div>'


def status(view: View) -> str:
    """With which settings the run is made, or what it waits for, or what went wrong."""
    setup = view.present
    if view.message:
        return message(view.message)
    if setup is None:
        return '<div class="status">&nbsp;</div>'
    benchmark = get_benchmark(setup.benchmark)
    time = units.spin_up(benchmark)
    if view.lead.truth is None and view.any("loading") and time:
        text = f"Spinning up {benchmark.spinning_up}: {time} before the first snapshot"
        return f'<div class="status"><b>{text}</b></div>'
    count, layout = len(setup.positions) or setup.sensors, setup.layout
    if view.lead.networks:
        count, layout = len(view.lead.networks[-1]), view.lead.networks[-1].layout
    if layout == BY_HAND or (setup.positions and not view.lead.networks):
        layout = "by hand"
    measured = [units.symbol(v) for v in benchmark.variables if v.name in setup.variables]
    parts = [
        f"<b>{count}</b> sensor{'s' * (count > 1)} ({layout}) of "
        f"<b>{escape(', '.join(measured))}</b> "
        f"every <b>{units.interval(benchmark, setup.every)}</b>",
        f"{term('noise')} <b>{setup.noise:.2f}</b> std",
        f"missing <b>{setup.missing:.0%}</b>",
        f"<b>{setup.members}</b> {term('member', 'members')}",
        f"{term('full space')} <b>{setup.full_space_members}</b> members",
        f"seed <b>{setup.seed}</b>",
        *_model_error(benchmark, setup.model_error),
        *(
            f"{called(name)}: {option.replace('_', ' ')} <b>{escape(_value(value))}</b>"
            for name, option, value in setup.options
        ),
        *_changes(view),
    ]
    told = "".join(map(message, [*view.notices, *view.disagreements]))
    return f'<div class="status">{" · ".join(parts)}</div>{told}'


def _changes(view: View) -> list[str]:
    """What has changed during the run, by the step from which it holds."""
    told: dict[int, dict[str, Any]] = {}
    for index, change in view.lead.changes:
        told.setdefault(index, {}).update(change)
    return [
        f"<b>from step {index}</b> {escape(', '.join(_change(*of) for of in changes.items()))}"
        for index, changes in told.items()
    ]


def _change(name: str, value: Any) -> str:
    if name == "assimilate":
        return "assimilation on" if value else "assimilation off"
    if name == "sensors":
        return f"{len(value)} sensors placed anew"
    if name == "variables":
        return f"measured {', '.join(value)}"
    return f"{name} {_value(value)}"


def _model_error(benchmark: Any, name: str) -> list[str]:
    if name not in benchmark.model_errors:
        return []
    error = benchmark.model_errors[name]
    title, sentence = escape(error.title), escape(error.sentence)
    return [f'<span title="{sentence}">hidden model error: <b>{title}</b></span>']


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def lacking(benchmark: Any) -> str:
    """Which filters cannot run on a benchmark, what they lack, and how to make it."""
    run, lines = runnable(benchmark.name), []
    for kind, what in ((LATENT, _no_weights), (FULL_SPACE, _no_solver)):
        titles = [of.title for name, of in FILTERS.items() if name not in run and of.kind == kind]
        if titles:
            lines.append(escape(f"{', '.join(titles)} cannot run: {what(benchmark)}"))
    return f'<div class="lacking">{"<br>".join(lines)}</div>' if lines else ""


def _no_weights(benchmark: Any) -> str:
    try:
        load_pretrained(benchmark, "cpu")
    except CheckpointError as error:
        return str(error)
    return "press Reset."  # they have come just now


def _no_solver(benchmark: Any) -> str:
    return f"{benchmark.title} has no solver."


def sign(label: str, labels: Iterable[str]) -> str:
    """The marker of a filter in its colour, as HTML: texts themselves need more contrast.

    Args:
        labels: all of the run.
    """
    colour, marker, _ = look(label, labels)
    tint = f"--tint: {colour}"
    return f'<i class="sign" style="{tint}" aria-hidden="true">{MARKERS[marker]}</i>'


def marked(label: str, labels: Iterable[str]) -> str:
    """The title of a filter after its marker, as HTML."""
    return sign(label, labels) + called(label)


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
    return f"{time:.0f} ms" if time >= 10 else f"{time:.1f} ms" if time >= 1 else f"{time:.2g} ms"


def map_note(view: View, kind: str, name: str, index: int | None) -> str:
    """What stands beside the title of a map.

    Args:
        kind, name: what it shows, see ``panels``; ``index``: the cycle, None for the latest.
    """
    if kind == "truth":
        at = -1 if index is None else index
        count = len(view.lead.networks[at]) if view.lead.networks else 0
        return f"{count} sensor{'s' * (count > 1)}" if count else ""
    if filter_of(name).kind == FULL_SPACE and index is None:
        return waiting(view) or lag(view)
    return ""
