"""What stands in a cell of a notebook: buttons, maps and charts, all else folded away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import panel as pn
import panel_material_ui as pmui

from ldensf_app import style
from ldensf_app.controls import SECTIONS, Controls
from ldensf_app.inlined import Inlined
from ldensf_app.page import Page

HEIGHT = 800
"""Pixels, of maps and charts; in one row they are as high as they need to be."""
COLUMN = 230
"""Pixels, least width of a column of settings."""
SIZES = {"play": 112, "step": 82, "reset": 86, "assimilate": 146, "forecast": 108, "preset": 190}
"""Pixels, widths of what stands in the bar."""
SPEED = 240


class Cell(pmui.Column):
    """A column that hears the browser in the thread that made it.

    Kernels give what comes from a browser to another thread than the one that runs cells; what is
    sent from both at once would arrive in pieces.
    """

    def __init__(self, *parts: Any, **params: Any) -> None:
        super().__init__(*parts, **params)
        with suppress(RuntimeError):  # without a kernel there is none, and nothing to hear
            self._loop = asyncio.get_running_loop()

    def _on_msg(self, *message: Any) -> None:
        self._loop.call_soon_threadsafe(super()._on_msg, *message)


def view(page: Page, controls: Controls, pulse: Any) -> Cell:
    """The bar, texts on the scene, maps and charts, the drawer.

    Args:
        pulse: that the page is seen.
    """
    main = page.main.view
    if not page.compact:
        main = pn.Column(main, height=HEIGHT, sizing_mode="stretch_width", margin=0)
    said = pn.Column(
        controls.about_preset, controls.notice, sizing_mode="stretch_width", margin=(0, 8)
    )
    return Cell(
        bar(page, controls),
        said,
        main,
        drawer(controls),
        pulse,
        theme_config=style.THEME,
        sizing_mode="stretch_width",
        margin=0,
        hooks=[Inlined()],
    )


def bar(page: Page, controls: Controls) -> pn.Row:
    """What drives the run, in as many rows as it takes."""
    for name, width in SIZES.items():
        getattr(controls, name).param.update(sizing_mode="fixed", width=width, margin=0)
    controls.play.height = 36
    controls.speed.param.update(sizing_mode="fixed", width=SPEED, margin=0)
    widgets = [getattr(controls, name) for name in SIZES]
    styles = {
        "width": "100%",
        "padding": f"10px {style.GAP}px 4px",
        "box-sizing": "border-box",
        "flex-wrap": "wrap",
        "gap": "8px 12px",
        "align-items": "center",
    }
    # Otherwise Panel asks for a width in which all stands in one row.
    return pn.Row(*widgets, controls.speed, page.guide, sizing_mode="fixed", styles=styles)


def drawer(controls: Controls) -> pmui.Accordion:
    """Settings, and what can be taken away, beside each other as far as there is room."""
    columns = [controls.section(name) for name in SECTIONS]
    columns[-1] += controls.takeaways()
    columns = [pn.Column(*parts, sizing_mode="stretch_width", margin=0) for parts in columns]
    grid = f"repeat(auto-fit, minmax({COLUMN}px, 1fr))"
    styles = {"display": "grid", "grid-template-columns": grid, "gap": "0 20px", **style.SHRINKABLE}
    body = pn.Row(*columns, sizing_mode="stretch_width", margin=0, styles=styles)
    return pmui.Accordion(
        ("Settings, files, link, Python", body),
        title_variant="body1",
        variant="outlined",
        disable_gutters=True,
        sizing_mode="stretch_width",
        margin=style.GAP,
        css_classes=["drawer"],
    )
