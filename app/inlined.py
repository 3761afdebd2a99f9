"""A cell's output brings along what it needs: no style sheet from the network, one script once.

Panel (1.9) puts style sheets into the output before its designs have added theirs, and asks a
content network for those; and where it does, it looks through the whole document for each. The
script of panel-material-ui, 1.4 MB, it puts into every widget, 50 MB in all.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.models import ImportedStyleSheet, InlineStyleSheet, UIElement
from panel.io.resources import CDN_DIST, DIST_DIR
from panel.models.esm import ReactiveESM
from panel.viewable import Viewable
from panel_material_ui.base import MaterialComponent


class Inlined:
    """A hook of what stands in a cell; does nothing without ``pn.extension(inline=True)``."""

    def __init__(self) -> None:
        self._sheets: WeakKeyDictionary[Any, dict[str, InlineStyleSheet]] = WeakKeyDictionary()

    def __call__(self, view: Viewable, root: Any, changed: Any, _: Any) -> None:
        """Go through the models of ``view``, or of the part of it that has ``changed``."""
        if not pn.config.inline:
            return
        key = root.ref["id"]
        made, _ = (changed or view)._models.get(key, (root, None))
        self._style(made, self._sheets.setdefault(root, {}))
        bearer = None if changed is not None and changed is not view else _first(view, key)
        for model in made.select({"type": ReactiveESM}):
            if model is not bearer and model.bundle not in (None, "url"):
                model.esm = ""  # browsers keep the script by its hash, which all have

    def _style(self, made: Any, sheets: dict[str, InlineStyleSheet]) -> None:
        """Replace style sheets of Panel's by their texts, one model for each."""
        for model in made.select({"type": UIElement}):
            found = [_inline(sheet, sheets) for sheet in model.stylesheets]
            if found != model.stylesheets:
                model.stylesheets = found


def _inline(sheet: Any, sheets: dict[str, InlineStyleSheet]) -> Any:
    if not isinstance(sheet, ImportedStyleSheet) or not sheet.url.startswith(CDN_DIST):
        return sheet
    name = sheet.url.removeprefix(CDN_DIST).partition("?")[0]
    if name not in sheets:
        sheets[name] = InlineStyleSheet(css=(DIST_DIR / name).read_text(encoding="utf-8"))
    return sheets[name]


def _first(view: Viewable, key: str) -> Any:
    """The widget that a browser makes first, and that the script has to be in.

    It makes what is inside of a thing before the thing itself.
    """
    parts = view.select(MaterialComponent)
    inner = next(part for part in parts if len(part.select(MaterialComponent)) == 1)
    return inner._models[key][0]
