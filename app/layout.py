"""Where things stand on the page: maps and cards of charts in grids. Sizes are in ``style``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from ldensf_app import style, units
from ldensf_app.chart import Chart, Drawing
from ldensf_app.scene import Scene


class ChartCard:
    """A chart, and a choice of what it shows.

    Attributes:
        choice: the widget. ``view``: what stands on the page.
    """

    def __init__(self, name: str, chart: Chart, options: list[str], chosen: str) -> None:
        self.chart = chart
        self.choice = pmui.Select(
            options=options, value=chosen, label="", size="small", variant="standard",
            sizing_mode=None, width=210, margin=(2, 0), css_classes=["chart-choice"],
            sx={"& .MuiSelect-select": {"fontWeight": 700, "fontSize": "14px", "py": "2px"},
                "& .MuiInput-root:before": {"border": "none"}},
        )  # fmt: skip
        self.view = card(name, [self.choice], _body(chart.figure))

    def offer(self, options: list[str]) -> None:
        """Replace what can be chosen."""
        if options != self.choice.options:
            self.choice.param.update(options=options, value=options[0])

    def draw(self, drawings: dict[str, Callable[[], Drawing]]) -> None:
        """Show what is chosen."""
        self.chart.show(drawings[self.choice.value]())


class MainArea:
    """Numbers on top, then maps and charts.

    Args:
        texts: in the order in which they stand above the maps.
        cards: of the charts.
        facts: above the charts, or at their left.
    """

    def __init__(self, scene: Scene, texts: list[Any], cards: list[ChartCard], facts: Any) -> None:
        charts = grid(*(card.view for card in cards))
        charts.stylesheets = [style.STYLESHEETS["curves"]]
        beside = grid(facts, charts)
        beside.stylesheets = [style.STYLESHEETS["beside"]]
        self._board = grid(scene.board, beside)
        self._board.stylesheets = [style.STYLESHEETS["board"]]
        self.view = grid(*texts, self._board, styles=style.MAIN)

    def arrange(self, benchmark: Any) -> None:
        """Give the maps the proportions of a benchmark."""
        # Never stylesheets, which are models: for another one Bokeh looks through all models of
        # the page. Nor classes, for which it lays out and paints the whole page once more.
        self._board.styles = style.arrangement(units.aspect(benchmark))


class Text(pn.pane.HTML):
    """A piece of HTML whose styles stay as they are.

    Panel (1.9) sends them anew with every text, in a notebook as addresses on the network.
    """

    def _update(self, ref: str, model: Any) -> None:
        model.text = self._get_properties(model.document)["text"]


def html(text: str = "", **options: Any) -> Text:
    """A piece of text with the page's stylesheet."""
    options = {"sizing_mode": "stretch_width", "margin": 0} | options
    return Text(text, stylesheets=[style.CSS], **options)


def grid(*children: Any, styles: dict[str, str] | None = None) -> pn.Row:
    """Children in a CSS grid.

    A Row, since a Column brings a hidden button for scrolling, which would be one more cell.
    """
    styles = {**style.SHRINKABLE, **(styles or {})}
    return pn.Row(*children, sizing_mode="stretch_both", margin=0, styles=styles)


def _body(figure: Any) -> pn.Column:
    return pn.Column(
        pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0),
        sizing_mode="stretch_both",
        margin=0,
        styles=style.SHRINKABLE,
    )


def card(name: str, head: list[Any], body: Any) -> pn.Column:
    """A frame with a title line.

    Args:
        name: gives the card the CSS class ``card-`` and this.
    """
    title = pn.Row(
        *head, sizing_mode="stretch_width", height=style.CARD_HEAD, margin=0, styles=style.HEAD
    )
    styles = {**style.SHRINKABLE, **style.CARD}
    return pn.Column(
        title,
        body,
        css_classes=[f"card-{name}"],
        sizing_mode="stretch_both",
        margin=0,
        styles=styles,
    )
