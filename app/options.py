"""Widgets of the filters' options, folded away: a group for each chosen filter that has any.

They are made when they are first looked at, since most visitors never do, and every model makes
the page slower to come.
"""

from __future__ import annotations

import math
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJSTickFormatter

from ldensf_app.readout import called
from ldensf_app.settings import Settings
from ldensf_app.setup import usual_options
from ldensf_app.style import CSS
from ldensf_core import FILTERS
from ldensf_core.filters.options import Option, options_of

FEW = 3
"""Choices that stand beside each other."""
AS_IT_IS = "return tick === null ? '' : String(tick)"
"""How a number is written: the widget's own way cuts decimals off, and calls nothing 0."""


class OptionFields:
    """Edits ``Settings.options``.

    Attributes:
        view: what is unfolded, by ``active = [0]``.
        widgets: by filter and option, those that were made.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.widgets: dict[str, dict[str, Any]] = {}
        self._groups: dict[str, pn.Column] = {}
        self._body = pn.Column(sizing_mode="stretch_width", margin=0)
        self.view = pmui.Accordion(
            (settings.param.options.label, self._body),
            title_variant="body2",
            variant="outlined",
            disable_gutters=True,
            sizing_mode="stretch_width",
            margin=(8, 0),
            css_classes=["options"],
        )
        self.view.param.watch(self.show, "active")
        settings.param.watch(self.show, ["benchmark", "filters", "options"])

    def show(self, *_: Any) -> None:
        """Where it is open, show the present values of the chosen filters' options."""
        if not self.view.active:
            return
        chosen = [n for n in FILTERS if n in self.settings.filters and options_of(FILTERS[n])]
        for name in chosen:
            if name not in self._groups:
                self._groups[name] = self._group(name)
            for option, value in self._values(name).items():
                self.widgets[name][option].value = _shown(value)
        groups = [self._groups[name] for name in chosen]
        if groups != self._body.objects:
            self._body.objects = groups or [_text("The chosen filters have none.")]

    def _values(self, name: str) -> dict[str, Any]:
        usual = usual_options(name, self.settings.benchmark)
        return usual | self.settings.options.get(name, {})

    def _group(self, name: str) -> pn.Column:
        options = options_of(FILTERS[name])
        self.widgets[name] = {option: _widget(of) for option, of in options.items()}
        for option, widget in self.widgets[name].items():
            widget.param.watch(lambda e, option=option: self._set(name, option, e.new), "value")
        return pn.Column(
            _text(called(name), "group"),
            *self.widgets[name].values(),
            sizing_mode="stretch_width",
            margin=0,
        )

    def _set(self, name: str, option: str, value: Any) -> None:
        if value is None and options_of(FILTERS[name])[option].default == math.inf:
            value = math.inf
        if value != self._values(name)[option]:
            given = self.settings.options
            self.settings.options = given | {name: given.get(name, {}) | {option: value}}


def _shown(value: Any) -> Any:
    """What a field shows: nothing where there is no limit."""
    return None if value == math.inf else value


def _widget(option: Option) -> Any:
    """What suits an option's values. Which of them cannot be taken, the run says."""
    label, help_ = option.name.replace("_", " ").capitalize(), option.help
    more: dict[str, Any] = {}
    if option.choices:
        kind = pmui.RadioButtonGroup if len(option.choices) <= FEW else pmui.Select
        more["options"] = list(option.choices)
    elif isinstance(option.default, int):
        kind = pmui.IntInput
    else:
        kind, more["format"] = pmui.FloatInput, CustomJSTickFormatter(code=AS_IT_IS)
        if option.default == math.inf:
            more["placeholder"], help_ = "no limit", f"{help_} Leave empty for no limit."
    return kind(
        label=f"{label} ({option.units})" if option.units else label,
        value=_shown(option.default),
        description=help_,
        size="small",
        sizing_mode="stretch_width",
        margin=(8, 0, 4, 0),
        **more,
    )


def _text(text: str, style: str = "") -> pn.pane.HTML:
    text = f'<div class="{style}">{text}</div>'
    return pn.pane.HTML(text, stylesheets=[CSS], sizing_mode="stretch_width", margin=(6, 0, 0, 0))
