"""Buttons that drive the run, and widgets that edit its settings."""

from __future__ import annotations

import math
from typing import Any

import panel as pn
import panel_material_ui as pmui

from ldensf_app.layout import Text, html
from ldensf_app.options import OptionFields
from ldensf_app.presets import presets
from ldensf_app.settings import Settings, short_label
from ldensf_app.setup import LIVE

SPEEDS = {"1": 1.0, "2": 2.0, "4": 4.0, "10": 10.0, "20": 20.0, "max": math.inf}
DEFAULT_SPEED = 4.0


def _icon(path: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{path}"/></svg>'


# Drawn here rather than named: an icon font would have to come from the network in a notebook.
PLAY = _icon("M8 5v14l11-7z")
PAUSE = _icon("M6 5h4v14H6zM14 5h4v14h-4z")
STEP = _icon("M6 5v14l9-7zM16 5h3v14h-3z")
FORECAST = _icon("M4 18l8-6-8-6v12zm9-12v12l8-6z")
RESET = _icon("M12 5V1L7 6l5 5V7a6 6 0 1 1-6 6H4a8 8 0 1 0 8-8z")

SECTIONS: dict[str, dict[str, Any]] = {
    "Experiment": {
        "benchmark": pmui.Select,
        "filters": pmui.CheckButtonGroup,
        "model_error": pmui.Select,
        "seed": pmui.IntInput,
        "device": pmui.Select,
    },
    "Observations": {
        "layout": pmui.Select,
        "sensors": pmui.DiscreteSlider,
        "variables": pmui.CheckButtonGroup,
        "every": pmui.DiscreteSlider,
        "noise": pmui.FloatSlider,
        "missing": pmui.FloatSlider,
    },
    "Ensembles": {
        "members": pmui.DiscreteSlider,
        "full_space_members": pmui.DiscreteSlider,
        "second": pmui.Select,
    },
}
TAKEAWAY = {
    "netcdf": (
        "netCDF",
        "The run so far as a dataset: fields, errors, times, parameters, changes.",
    ),
    "png": ("PNG", "The maps and charts of the cycle that is shown, as a picture."),
    "mp4": ("MP4", "The run so far as a film."),
    "link": (
        "Link",
        "An address that opens exactly this scene: settings, sensors, changes so far.",
    ),
    "python": ("Python", "Lines of Python that repeat this run, changes included, and draw it."),
}
"""Label and explanation of what can be taken away, by name."""
NEXT_CYCLE = " Takes effect from the next cycle."
AFTER_RESET = " Takes effect with Reset."


class Controls:
    """Widgets of one session.

    Attributes:
        play, step, reset, speed, assimilate, forecast: for the dashboard to listen to.
        preset: the choice of a scene; ``about_preset`` says what to look at.
        takeaway: buttons by what they give; ``take_notice`` says how far that is.
        widgets: by the name of the setting they edit.
        options: those of the filters' options.
        lacking: says which filters cannot run on the benchmark, and why.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.play = pmui.Button(
            icon=PLAY,
            label="Play",
            color="primary",
            variant="contained",
            size="large",
            icon_size="1.3em",
            sizing_mode="stretch_width",
            margin=(0, 0, 6, 0),
            css_classes=["play-button"],
        )
        small = {
            "variant": "outlined",
            "size": "small",
            "icon_size": "1.1em",
            "sizing_mode": "stretch_width",
            "margin": 0,
        }
        self.step = pmui.Button(
            icon=STEP,
            label="Step",
            description="Run one cycle, then pause.",
            css_classes=["step-button"],
            **small,
        )
        self.reset = pmui.Button(
            icon=RESET,
            label="Reset",
            description="Back to the first cycle, with the settings below.",
            css_classes=["reset-button"],
            **small,
        )
        self.assimilate = pmui.Switch(
            label="Assimilate",
            value=True,
            description="Off: from the next cycle on filters do not get the observations.",
            css_classes=["assimilate"],
            margin=(0, 0),
        )
        self.forecast = pmui.Button(
            icon=FORECAST,
            label="Forecast",
            description="Switches assimilation off and runs to the end: how far the estimate holds "
            "without observations.",
            css_classes=["forecast-button"],
            **small,
        )
        self.speed = pmui.DiscreteSlider(
            label="Speed (cycles per second)",
            options=SPEEDS,
            value=DEFAULT_SPEED,
            description="How fast latent filters run. Full-space filters follow as fast as they "
            "can. Takes effect at once.",
            **_row(),
        )
        self.notice, self.lacking = html(), html()
        self.preset = pmui.Select(
            label="Scene",
            options={
                "none": "",
                **{p.title: name for name, p in presets().items()},
            },
            value="",
            size="small",
            sizing_mode="stretch_width",
            margin=(8, 0, 4, 0),
            description="Scenes that show one thing each. A scene begins at once.",
            css_classes=["preset"],
        )
        self.about_preset = html()
        self.takeaway = {
            name: pmui.Button(label=label, description=what, css_classes=[f"take-{name}"], **small)
            for name, (label, what) in TAKEAWAY.items()
        }
        self.take_notice = html()
        self.widgets = {
            name: self._widget(name, kind)
            for section in SECTIONS.values()
            for name, kind in section.items()
        }
        self.options = OptionFields(settings)

    def _widget(self, name: str, kind: Any) -> Any:
        parameter = self.settings.param[name]
        when = NEXT_CYCLE if name in LIVE else AFTER_RESET
        options: dict[str, Any] = {"description": parameter.doc + when, **_row()}
        if name == "variables":
            options |= {"size": "small", "color": "primary", "margin": (3, 0, 7, 0)}
        if name == "filters":  # many, in rows of three
            options |= {"size": "small", "color": "primary", "margin": (3, 0, 7, 0)}
            columns = "repeat(3, minmax(0, 1fr))"
            button = {"px": "3px", "lineHeight": 1.2, "borderRadius": 0, "m": 0}
            button |= {"border": 1, "borderColor": "divider"}
            options["sx"] = {
                "display": "grid",
                "gridTemplateColumns": columns,
                "& .MuiToggleButton-root.MuiToggleButton-root": button,
            }
        if kind in (pmui.Select, pmui.IntInput):
            options |= {"size": "small", "margin": (8, 0, 4, 0)}
        if kind is pmui.IntInput:  # its buttons are grey on black otherwise
            options["sx"] = {"& .MuiIconButton-root": {"color": "inherit"}}
        if name == "device":
            options["visible"] = len(parameter.objects) > 1
        return kind.from_param(parameter, **options)

    def sidebar(self) -> pn.Column:
        """Everything in one column."""
        sections = [part for section in SECTIONS for part in self.section(section)]
        return pn.Column(
            self.play,
            self._buttons(),
            self._assimilation(),
            self.preset,
            self.about_preset,
            self.notice,
            self.speed,
            *sections,
            *self.takeaways(),
            margin=(12, 16),
            sizing_mode="stretch_width",
        )

    def _buttons(self) -> pn.Row:
        styles = {"gap": "8px"}
        buttons = (self.step, self.reset)
        return pn.Row(*buttons, sizing_mode="stretch_width", margin=0, styles=styles)

    def _assimilation(self) -> pn.Row:
        styles = {"gap": "8px", "align-items": "center"}
        return pn.Row(
            self.assimilate,
            self.forecast,
            sizing_mode="stretch_width",
            margin=(6, 0, 0, 0),
            styles=styles,
        )

    def takeaways(self) -> list[Any]:
        """The buttons of what can be taken away below a title."""
        styles = {"display": "grid", "grid-template-columns": "repeat(3, 1fr)", "gap": "6px"}
        buttons = pn.Row(
            *self.takeaway.values(), sizing_mode="stretch_width", margin=(4, 0), styles=styles
        )
        return [_title("Take away"), buttons, self.take_notice]

    def section(self, section: str) -> list[Any]:
        """The widgets of one of ``SECTIONS`` below its title."""
        title = _title(section)
        more = {"Experiment": self.lacking, "Ensembles": self.options.view}
        widgets = [self.widgets[name] for name in SECTIONS[section]]
        return [title, *widgets, *([more[section]] if section in more else [])]

    def show_playing(self, playing: bool) -> None:
        """The big button says what it will do."""
        label, icon = ("Pause", PAUSE) if playing else ("Play", PLAY)
        if self.play.label != label:
            self.play.param.update(label=label, icon=icon)

    def show_making(self, name: str) -> None:
        """Say which file is being made; empty for none."""
        self.take_notice.object = f'<div class="lacking">making {name} …</div>' if name else ""
        for button in self.takeaway.values():
            button.disabled = bool(name)

    def show_changes(self, changes: list[str]) -> None:
        """Say which settings wait for a reset."""
        labels = ", ".join(map(short_label, changes))
        text = f'<div class="notice">changed: {labels} – press reset to apply</div>'
        self.notice.object = text if changes else ""
        self.reset.param.update(
            variant="contained" if changes else "outlined",
            color="warning" if changes else "primary",
        )


def _title(text: str) -> Text:
    return html(f'<div class="section">{text}</div>', margin=(6, 0, 2, 0))


def _row() -> dict[str, Any]:
    return {"sizing_mode": "stretch_width", "size": "small", "margin": (2, 0, 2, 0)}
