"""What a scene says beside the buttons: what to look at, and from its moment on what happens."""

from __future__ import annotations

import math
from html import escape

from ldensf_app.labels import FULL_SPACE, filter_of
from ldensf_app.presets import Preset
from ldensf_app.readout import called, waiting
from ldensf_app.settings import short_label
from ldensf_app.view import View


def told(preset: Preset | None, changed: list[str], view: View) -> str:
    """The sentence of a scene, and its note once all of its filters have reached the moment.

    Full-space filters come there later than the latent ones: until then it says how long they
    take.

    Args:
        changed: names of what was changed since. Neither needs be true then: that is said instead.
    """
    if preset is None:
        return ""
    if changed:
        labels = escape(", ".join(map(short_label, changed)))
        return (
            f'<div class="look"><b>You have changed this scene</b> ({labels}): what it was made to '
            "show may not happen now. To see it again, choose none, then the scene.</div>"
        )
    looked = f'<div class="look">{escape(preset.sentence)}</div>'
    if view.lead.index < preset.moment:
        return looked
    last, index = _last(preset, view)
    if index >= preset.moment:
        note = f"<b>Step {preset.moment}:</b> {escape(preset.note)}"
        return f'{looked}<div class="now">{note}</div>'
    return f'{looked}<div class="wait">{_missing(last, index, preset.moment, view)}</div>'


def _last(preset: Preset, view: View) -> tuple[str, int]:
    """Which filter of a scene is furthest behind, and its cycle; -1 before the first."""
    chosen = view.lead.setup.filters if view.lead.setup else ()
    cycles = {
        label: snapshot.index if (snapshot := view.of(label)) else -1
        for label in preset.scenario.filters
        if label in chosen  # a visitor may have left one out
    }
    if not cycles:
        return "", view.lead.index
    return min(cycles.items(), key=lambda of: of[1])


def _missing(label: str, index: int, moment: int, view: View) -> str:
    """How far the filter that is behind has come, and how long it still takes to the moment."""
    told = f"<b>Step {moment}</b> is there; wait for {called(label)}"
    if index < 0:
        doing = waiting(view) if filter_of(label).kind == FULL_SPACE else ""
        return f"{told} ({doing})." if doing else f"{told}."
    snapshot = view.of(label)  # its worker runs one filter after the other
    cycle = sum(snapshot.median_ms(name) for name in snapshot.records[-1])
    left = (moment - index) * cycle / 1000
    more = f", {left:.0f} s more" if math.isfinite(left) and left >= 1 else ""
    return f"{told}, which is at step {index}{more}."
