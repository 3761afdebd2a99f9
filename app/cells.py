"""Which dashboard stands in which cell of a notebook, and which of them nobody can see any more.

A cell that is run again replaces its output: what stood there ends at once. So does a dashboard
whose output is cleared, of which JupyterLab tells by the identity of what was displayed.
"""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakSet, WeakValueDictionary

import panel as pn

LIVE = "application/vnd.holoviews_exec.v0+json"


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
