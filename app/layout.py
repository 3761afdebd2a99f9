"""Where things stand on the page: cards in grids. Sizes are in ``style``."""

from __future__ import annotations

from typing import Any

import panel as pn

from ldensf_app import style, units
from ldensf_app.scene import TRUTH, Scene


class MainArea:
    """Numbers on top, then maps and curves.

    Args:
        titles: of the maps and of the curves, by name.
        variable: the choice of the variable shown, for the first card's head.
        unknowns: title of the card of the unknown parameters; ``numbers`` stand at its right.
    """

    def __init__(
        self,
        scene: Scene,
        tiles: pn.pane.HTML,
        status: pn.pane.HTML,
        titles: dict[str, pn.pane.HTML],
        variable: list[Any],
        unknowns: pn.pane.HTML,
        numbers: pn.pane.HTML,
    ) -> None:
        maps = [
            card(
                name,
                [titles[name], *(variable if name == TRUTH else ())],
                _body(m.figure, **style.MAP_SIZE),
            )
            for name, m in scene.maps.items()
        ]
        self._cloud = _body(scene.cloud.figure, **style.CLOUD_SIZE)
        self._track = _body(scene.track.figure, **style.TRACK_SIZE)
        beside = pn.Row(
            self._cloud, self._track, numbers,
            sizing_mode="stretch_both", margin=0, styles=style.BESIDE,
        )  # fmt: skip
        curves = [
            card("errors", [titles["errors"]], _body(scene.errors.figure)),
            card("times", [titles["times"]], _body(scene.times.figure)),
            card("parameters", [unknowns], beside),
        ]
        self._legends = [curve[0] for curve in curves[:2]]
        parts = {"maps": grid(*maps), "curves": grid(*curves)}
        self._board = parts["board"] = grid(*parts.values())
        for name, part in parts.items():
            part.stylesheets = [style.STYLESHEETS[name]]
        self.view = grid(tiles, status, self._board, styles=style.MAIN)

    def arrange(self, benchmark: Any) -> None:
        """Give the maps the proportions of a benchmark, and its parameters their figure."""
        # Never stylesheets, which are models: for another one Bokeh looks through all models of
        # the page. Nor classes, for which it lays out and paints the whole page once more.
        self._board.styles = style.arrangement(units.aspect(benchmark))
        alone = len(benchmark.parameters) == 1
        self._cloud.visible, self._track.visible = not alone, alone

    def make_room(self, filters: int) -> None:
        """Let the legends name this many filters.

        By the height of what holds them, for which Bokeh lays out the page: figures do not notice
        when a text above them grows.
        """
        for head in self._legends:
            head.height = style.legend_height(filters)


def html(text: str = "", **options: Any) -> pn.pane.HTML:
    """A piece of text with the page's stylesheet."""
    options = {"sizing_mode": "stretch_width", "margin": 0} | options
    return pn.pane.HTML(text, stylesheets=[style.CSS], **options)


def grid(*children: Any, styles: dict[str, str] | None = None) -> pn.Row:
    """Children in a CSS grid.

    A Row, since a Column brings a hidden button for scrolling, which would be one more cell.
    """
    styles = {**style.SHRINKABLE, **(styles or {})}
    return pn.Row(*children, sizing_mode="stretch_both", margin=0, styles=styles)


def _body(figure: Any, **size: str) -> pn.Column:
    return pn.Column(
        pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0),
        sizing_mode="stretch_both",
        margin=0,
        styles={**style.SHRINKABLE, **size},
    )


def card(name: str, head: list[Any], body: Any) -> pn.Column:
    """A frame with a title line.

    Args:
        name: gives the card the CSS class ``card-`` and this, with a hyphen for a space.
    """
    title = pn.Row(
        *head, sizing_mode="stretch_width", height=style.CARD_HEAD, margin=0, styles=style.HEAD
    )
    styles = {**style.SHRINKABLE, **style.CARD}
    classes = [f"card-{name.replace(' ', '-')}"]
    return pn.Column(
        title, body, css_classes=classes, sizing_mode="stretch_both", margin=0, styles=styles
    )
