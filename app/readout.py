"""Texts of the page: tiles, the status line, notes. Pure functions from snapshots to HTML."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from ldensf_app import units
from ldensf_app.colours import filter_colour
from ldensf_app.setup import FULL_SPACE, LATENT, label, runnable
from ldensf_app.view import View
from ldensf_core import FILTERS, CheckpointError, get_benchmark, load_pretrained
from ldensf_core.observations.innovation import normalised_square
from ldensf_core.twin.follow import SPLIT_EVERY

NOTHING = "–"
MANY = 4  # filters, of which a legend is set in small print
SHORT = 16  # letters, of a long name that is not too long
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
CURVES = {"errors": "Error", "times": "Step time"}


def called(name: str) -> str:
    """The title of a filter, as HTML."""
    return escape(FILTERS[name].title)


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
    done = 100 * max(index, 0) / last
    bar = f'<div class="bar"><div style="width: {done:.1f}%"></div></div>'
    if index < 0:
        doing = "spinning up …" if units.spin_up(benchmark) else "loading …"
        return _tile("step", "step", NOTHING, (doing if view.starting else "&nbsp;") + bar)
    time = f"model time: {units.moment(benchmark, index)}"
    value = f'<span class="counter">{index}</span><small> / {last}</small>'
    return _tile("step", "step", value, time + bar)


def _error_tile(view: View, name: str) -> str:
    title, record = called(name), view.latest(name)
    full_space = FILTERS[name].kind == FULL_SPACE
    if record is None:
        sub = (waiting(view) if full_space else "") or "&nbsp;"
        return _tile(name, title, NOTHING, sub, filter_colour(name))
    value = f'{percent(record.error)}<small class="what"> error</small>'
    sub = f"spread {percent(record.spread)}"
    agreement = normalised_square([r.innovation for r in view.history()[name]])
    if math.isfinite(agreement):
        sub += f"<br>χ²/n {agreement:.2f}"
    if full_space:
        sub = lag(view) or sub
    if not math.isfinite(record.error):
        sub = "Diverged: press Reset."
    return _tile(name, title, value, sub, filter_colour(name))


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
        return f"spinning up: {percent(snapshot.spun_up)}"
    return f"spinning up {setup.full_space_members} members"


def _ratio_tile(view: View) -> str:
    fast, slow = (
        snapshot.median_ms(name) if (snapshot := view.of(name)) else math.nan for name in view.shown
    )
    ratio = slow / fast
    digits = 0 if ratio >= 10 else 1
    value = f"{ratio:,.{digits}f} ×<small> faster per cycle</small>" if ratio > 0 else NOTHING
    sub = f"{milliseconds(fast)} against {milliseconds(slow)}, median"
    if view.lead.device:
        sub += f", on {escape(view.lead.device)}"
    latent, full_space = map(called, view.shown)
    return _tile("hero", f"{latent} against full-space {full_space}", value, sub)


def message(text: str) -> str:
    """Something went wrong; says what, and what to do."""
    return f'<div class="message" role="alert">{escape(text)}</div>'


def status(view: View) -> str:
    """With which settings the run was made, or what it waits for, or what went wrong."""
    setup = view.lead.setup
    if view.message:
        return message(view.message)
    if setup is None:
        return '<div class="status">&nbsp;</div>'
    benchmark = get_benchmark(setup.benchmark)
    time = units.spin_up(benchmark)
    if view.lead.truth is None and view.any("loading") and time:
        text = f"Spinning up {benchmark.spinning_up}: {time} before the first snapshot"
        return f'<div class="status"><b>{text}</b></div>'
    parts = [
        f"<b>{setup.sensors}</b> sensors ({setup.layout}) "
        f"every <b>{units.interval(benchmark, setup.every)}</b>",
        f"noise <b>{setup.noise:.2f}</b> std",
        f"missing <b>{setup.missing:.0%}</b>",
        f"<b>{setup.members}</b> members",
        f"full space <b>{setup.full_space_members}</b> members",
        f"seed <b>{setup.seed}</b>",
        *_model_error(benchmark, setup.model_error),
        *(
            f"{called(name)}: {option.replace('_', ' ')} <b>{escape(_value(value))}</b>"
            for name, option, value in setup.options
        ),
    ]
    told = "".join(map(message, view.disagreements))
    return f'<div class="status">{" · ".join(parts)}</div>{told}'


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


def head(text: str, note: str = "", right: str = "") -> str:
    """A card's title with a lighter note beside it, and something at the right."""
    return (
        f'<div class="head"><div class="title">{text}<span class="note">{note}</span></div>'
        f"{right}</div>"
    )


def curves_title(name: str, view: View) -> str:
    """Title of the ``errors`` or the ``times``, and whose they are."""
    names = view.lead.setup.filters if view.lead.setup else ()
    if name == "times":
        names = tuple(n for n in names if FILTERS[n].corrects)
    return head(CURVES[name], right=legend(names, spread=name == "errors"))


def legend(names: tuple[str, ...], spread: bool) -> str:
    """Coloured names of the filters, and what a dashed line means."""
    items = [
        f'<span><i style="border-color: {filter_colour(n)}"></i>{called(n)}</span>' for n in names
    ]
    if spread:
        items.append('<span><i class="dashed"></i>spread</span>')
    many = " many" if len(names) > MANY else ""
    return f'<div class="legend{many}">{"".join(items)}</div>'


def parameters(view: View, benchmark: Any) -> str:
    """The unknown parameters in numbers: the truth, and what the ensembles believe."""
    truth = view.lead.true_parameters
    if truth is None:
        return ""
    blocks = []
    mark = "━" if len(truth) == 1 else "×"  # as it is drawn
    for i, p in enumerate(benchmark.parameters):
        width = p.high - p.low
        short = p.long_name if len(p.long_name) <= SHORT else p.name.replace("_", " ")
        name = units.named(short, p.units)
        lines = f"<b>{name}</b><span>{mark} {truth[i]:.{units.decimals(width)}f} truth</span>"
        for name, note in _estimating(view):
            values = view.latest(name).parameters[:, i]
            lines += (
                f'<span class="{name}{note}" style="color: {filter_colour(name)}">'
                f"● {estimate(values.mean(), values.std(), width)}{note}</span>"
            )
        blocks.append(f"<div>{lines}</div>")
    return f'<div class="numbers">{"".join(blocks)}</div>'


def _estimating(view: View) -> list[tuple[str, str]]:
    """The first two filters that correct the parameters, and the prior, each with a note."""
    there = [n for n in dict.fromkeys((*view.shown, *view.history())) if view.latest(n)]
    correcting = [(n, "") for n in there if FILTERS[n].corrects_parameters]
    prior = [(n, " prior") for n in there if n == view.uncorrected]
    return [*correcting[:2], *prior]


def estimate(mean: float, std: float, width: float) -> str:
    """Mean ± standard deviation, with one more decimal where the deviation is small.

    Args:
        width: of the prior range.
    """
    digits = units.decimals(width) + (std < 0.006 * width)
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def unknowns(benchmark: Any) -> str:
    """Title of the card of the unknown parameters."""
    if len(benchmark.parameters) == 1:
        return head("Unknown parameter", "mean, 90 % band, truth")
    return head("Unknown parameters", "ensemble, prior range, truth")


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


def shown_filter(view: View) -> str:
    """The filter whose spread is mapped: the latent one, or the full-space one if it is alone."""
    latent, full_space = view.shown
    return full_space if view.of(full_space) and not view.of(latent) else latent


def map_title(name: str, view: View, quantity: str) -> str:
    """Title of a map card, with the step it shows where that is not the leading one.

    Args:
        name: of the map, as in ``scene``.
        quantity: what is mapped and its unit; stands above the colour bar.
    """
    unit = f'<span class="unit">{quantity}</span>'
    if name == "truth":
        count = 0 if view.lead.sensors is None else len(view.lead.sensors)
        return head("Truth", f"{count} sensors" if count else "")
    if name == "spread":
        return head("Uncertainty", f"spread of {called(shown_filter(view))}", unit)
    shown = view.shown[name == FULL_SPACE]
    text = f'<span style="color: {filter_colour(shown)}">{escape(label(shown))}</span>'
    note = (waiting(view) or lag(view)) if name == FULL_SPACE else ""
    return head(text, note or "mean", unit)
