"""The least page that can show three maps, for ``page.py`` to measure beside the dashboard.

A button in a sidebar and three images of 150×150 pixels, which a periodic callback of 30 ms
exchanges by their data sources. Served by ``panel serve bench/bare_page.py``.
"""

from __future__ import annotations

import itertools

import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.plotting import figure

PERIOD = 30  # milliseconds
PIXELS = 150
PICTURES = 40
"""Of a wave on its way, before it is where it was."""
DRAWN = """
requestAnimationFrame(() => {
    const { dataset } = document.body
    dataset.cycle = Number(dataset.cycle ?? -1) + 1
})
"""
"""Counts the pictures in the attribute ``data-cycle``, from 0, once the frame is drawn."""


def page() -> pmui.Page:
    """The page; its pictures change once a browser has built it."""
    x = np.linspace(0.0, 2 * np.pi, PIXELS, dtype=np.float32)
    phases = np.linspace(0.0, 2 * np.pi, PICTURES, endpoint=False, dtype=np.float32)
    waves = itertools.cycle([np.sin(x + phase) * np.cos(x[:, None]) for phase in phases])
    sources = [ColumnDataSource({"image": [next(waves)]}) for _ in range(3)]
    maps = []
    for source in sources:
        maps.append(figure(width=300, height=300, toolbar_location=None, tools=""))
        maps[-1].image("image", source=source, x=0, y=0, dw=1, dh=1, palette="Viridis256")
    sources[-1].js_on_change("data", CustomJS(code=DRAWN))

    def swap() -> None:
        wave = next(waves)
        with pn.io.hold():
            for source in sources:
                source.data = {"image": [wave]}

    pn.state.onload(lambda: pn.state.add_periodic_callback(swap, period=PERIOD))
    return pmui.Page(
        title="bare", sidebar=[pmui.Button(label="Play")], main=[pn.Row(*map(pn.pane.Bokeh, maps))]
    )


if pn.state.served:
    page().servable()
