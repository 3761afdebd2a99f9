"""Maps in one row and the essential charts below, for cells of a notebook and for slides.

As many maps as there is room for, by CSS alone: the area is as wide as its cell, and as high as
what stands in it.
"""

from __future__ import annotations

from typing import Any

import panel as pn

from ldensf_app import style, units
from ldensf_app.layout import ChartCard, grid
from ldensf_app.scene import Scene

CHARTS = ("errors", "parameters")
MAP = 260  # px, the greatest height of a map
CHART = 200  # px, height of a chart with its title
THREE, FOUR = (
    770,
    1030,
)  # px, least width of the area for three and four maps that are as wide as high
AREA = {
    "display": "grid",
    "grid-template-columns": "minmax(0, 1fr)",
    "gap": f"{style.GAP}px",
    "padding": f"0 {style.GAP}px",
    "container-type": "inline-size",
    "box-sizing": "border-box",
}
_free = "minmax(0, 1fr)"
_row = f"(100cqw - (var(--maps-shown) - 1) * {style.GAP}px) / var(--maps-shown)"


def _room(square: int) -> str:
    """What the area has room for: ``square`` maps, of wide ones (``style.WIDE``) one less."""
    third, fourth = ("block" if square > n else "none" for n in (2, 3))
    return f"--square: {square}; --wide: {max(square - 1, 2)}; --if-3: {third}; --if-4: {fourth};"


STYLESHEETS = {
    "board": f":host {{ display: grid; gap: {style.GAP}px; "
    f"grid-template: auto {CHART}px / {_free}; {_room(2)} }}\n"
    f"@container (min-width: {THREE}px) {{ :host {{ {_room(3)} }} }}\n"
    f"@container (min-width: {FOUR}px) {{ :host {{ {_room(4)} }} }}\n",
    "charts": f":host {{ display: grid; gap: {style.GAP}px; "
    f"grid-template: {_free} / repeat({len(CHARTS)}, {_free}); }}\n",
}


def arrangement(aspect: float) -> dict[str, str]:
    """Styles of the board, for maps that are ``aspect`` times as wide as high."""
    wide = aspect >= style.WIDE
    return {
        **style.SHRINKABLE,
        "--aspect": f"{aspect}",
        "--maps-shown": "var(--wide)" if wide else "var(--square)",
        "--third": "var(--if-4)" if wide else "var(--if-3)",
        "--fourth": "none" if wide else "var(--if-4)",
        "--maps": f"auto / repeat(var(--maps-shown), {_free})",
        "--map-height": f"min({MAP}px, ({_row} - {style.COLUMN}px) / var(--aspect))",
    }


class CompactArea:
    """Numbers on top, then a row of maps, then one of charts; see ``layout.MainArea``."""

    def __init__(self, scene: Scene, texts: list[Any], cards: dict[str, ChartCard]) -> None:
        charts = grid(*(cards[name].view for name in CHARTS))
        charts.stylesheets = [STYLESHEETS["charts"]]
        # Nothing here may be as high as what it stands in, which is as high as what stands in it.
        low = {"sizing_mode": "stretch_width", "margin": 0}
        scene.board.sizing_mode = "stretch_width"
        self._board = pn.Row(scene.board, pn.Column(charts, height=CHART, **low), **low)
        self._board.stylesheets = [STYLESHEETS["board"]]
        self.view = pn.Row(*texts, self._board, styles={**style.SHRINKABLE, **AREA}, **low)

    def arrange(self, benchmark: Any) -> None:
        """Give the maps the proportions of a benchmark."""
        self._board.styles = arrangement(units.aspect(benchmark))
