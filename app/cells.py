"""Which dashboard stands in which cell of a notebook, and which of them nobody can see any more.

A cell that is run again replaces its output: what stood there ends at once. So does a dashboard
whose output is cleared, of which JupyterLab tells by the identity of what was displayed. Browsers
that go away say nothing; for them there is the ``Pulse`` on the page, whose absence is noticed.
"""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakSet, WeakValueDictionary

import panel as pn
import panel_material_ui as pmui
import param
from panel.custom import JSComponent

from ldensf_app import style
from ldensf_app.controls import Controls
from ldensf_app.page import Page

LIVE = "application/vnd.holoviews_exec.v0+json"
BEAT = 10
"""Seconds between two beats. A browser lets a page in the background have one a minute."""
HEIGHT = 800
"""Pixels, of maps and charts in a cell."""


class Ending(Protocol):
    """What stands in a cell."""

    def end(self) -> None:
        """Stop computing."""


_cells: dict[str, tuple[str, WeakSet[Any]]] = {}
_outputs: WeakValueDictionary[str, Any] = WeakValueDictionary()


def occupy(dashboard: Ending) -> None:
    """Take the place of what an earlier run of the present cell has left there, which ends."""
    cell, run = _present_run()
    if cell is None:
        return
    for _, others in _cells.values():
        others.discard(dashboard)  # figures move to where they are displayed last
    last, occupants = _cells.get(cell, ("", WeakSet()))
    if run != last:
        for replaced in list(occupants):
            replaced.end()
        occupants = WeakSet()
    occupants.add(dashboard)
    _cells[cell] = run, occupants


def _present_run() -> tuple[str | None, str]:
    """Identities of the cell that is being run, where there is one, and of this run of it."""
    try:
        from IPython import get_ipython  # only notebooks need it
    except ImportError:
        return None, ""
    kernel = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent() if kernel is not None else {}
    cell = request.get("metadata", {}).get("cellId")
    return cell, request.get("header", {}).get("msg_id", "")


def displayed(dashboard: Ending, bundle: Any) -> None:
    """Note under which identity a dashboard was displayed last."""
    metadata = bundle[1] if isinstance(bundle, tuple) else {}
    output = metadata.get(LIVE, {}).get("id")
    for earlier in [name for name, other in _outputs.items() if other is dashboard]:
        del _outputs[earlier]
    if output is not None:
        _outputs[output] = dashboard


def _deleted(output: str) -> None:
    dashboard = _outputs.pop(output, None)
    if dashboard is not None:
        dashboard.end()


pn.extension.add_delete_action(_deleted)


class Pulse(JSComponent):
    """Counts as long as a browser shows it; takes no room."""

    beats = param.Integer(default=0)

    _esm = f"""
    export function render({{ model }}) {{
      const beat = () => {{ model.beats += 1 }}
      const timer = setInterval(beat, {1000 * BEAT})
      model.on("remove", () => clearInterval(timer))
      beat()
    }}
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)


def view(page: Page, controls: Controls) -> pmui.Column:
    """What stands in a cell: buttons, maps and charts, settings folded away."""
    bar = controls.bar()
    bar.append(page.guide)
    main = pn.Column(page.main.view, height=HEIGHT, sizing_mode="stretch_width")
    return pmui.Column(
        bar, main, controls.drawer(), theme_config=style.THEME, sizing_mode="stretch_width"
    )
