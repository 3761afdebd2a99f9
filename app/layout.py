"""Where things stand on the page: cards in grids. Sizes are in ``style``."""

from __future__ import annotations

from typing import Any

import panel as pn

from app import readout, style
from app.scene import TRUTH, Scene
from app.settings import ENSF, FILTERS, LD_ENSF


def main_area(
    scene: Scene,
    tiles: pn.pane.HTML,
    status: pn.pane.HTML,
    titles: dict[str, pn.pane.HTML],
    variable: list[Any],
    numbers: pn.pane.HTML,
) -> pn.Row:
    """Numbers on top, maps at the left, curves at the right.

    Args:
        titles: of the maps, by name.
        variable: the choice of the variable shown, for the first card's head.
        numbers: of the unknown parameters.
    """
    maps = [
        card(name, [titles[name], *(variable if name == TRUTH else ())], m.figure, **style.MAP_SIZE)
        for name, m in scene.maps.items()
    ]
    legend = readout.legend
    curves = [
        card("errors", [_head("Error", right=legend(FILTERS, spread=True))], scene.errors.figure),
        card(
            "times",
            [_head("Time of each step", right=legend((LD_ENSF, ENSF), spread=False))],
            scene.times.figure,
        ),
        card(
            "parameters",
            [_head("Unknown parameters", "ensemble, prior range, truth")],
            scene.cloud.figure,
            beside=numbers,
            **style.CLOUD_SIZE,
        ),
    ]
    board = grid(style.BOARD, grid(style.MAPS, *maps), grid(style.COLUMN, *curves))
    return grid(style.MAIN, tiles, status, board)


def html(text: str = "", **options: Any) -> pn.pane.HTML:
    """A piece of text with the page's stylesheet."""
    options = {"sizing_mode": "stretch_width", "margin": 0} | options
    return pn.pane.HTML(text, stylesheets=[style.CSS], **options)


def _head(text: str, note: str = "", right: str = "") -> pn.pane.HTML:
    return html(readout.head(text, note, right))


def grid(styles: dict[str, str], *children: Any) -> pn.Row:
    """Children in a CSS grid.

    A Row, since a Column brings a hidden button for scrolling, which would be one more cell.
    Panel asks for the sum of the children's least sizes, which a grid does not need.
    """
    styles = {**style.SHRINKABLE, **styles}
    return pn.Row(*children, sizing_mode="stretch_both", margin=0, styles=styles)


def card(name: str, head: list[Any], figure: Any, beside: Any = None, **size: str) -> pn.Column:
    """A framed figure with a title line, and perhaps something at its right.

    Args:
        name: gives the card the CSS class ``card-`` and this.
    """
    body: Any = pn.Column(
        pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0),
        sizing_mode="stretch_both",
        margin=0,
        styles={**style.SHRINKABLE, **size},
    )
    if beside is not None:
        body = pn.Row(body, beside, sizing_mode="stretch_both", margin=0, styles=style.BESIDE)
    title = pn.Row(*head, sizing_mode="stretch_width", margin=0, styles=style.HEAD)
    styles = {**style.SHRINKABLE, **style.CARD}
    classes = [f"card-{name}"]
    return pn.Column(
        title, body, css_classes=classes, sizing_mode="stretch_both", margin=0, styles=styles
    )
