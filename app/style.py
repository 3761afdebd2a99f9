"""The look of the page: one theme for the widgets, one stylesheet, and the sizes of things.

Sizes of the maps follow from the room there is, by CSS alone: the board measures itself
(container query units) and a map's height is the largest for which two rows and two columns of
maps fit together with the curves.
"""

from __future__ import annotations

from pathlib import Path

NAVY = "#0b3a5e"
_THEME = {
    "shape": {"borderRadius": 6},
    "typography": {"fontSize": 12.5, "button": {"textTransform": "none", "fontWeight": 600}},
    "components": {
        "MuiToolbar": {"defaultProps": {"variant": "dense"}},
        # A button's explanation covers its neighbour, which must be within reach all the same.
        "MuiTooltip": {
            "defaultProps": {"disableInteractive": True},
            "styleOverrides": {
                "tooltip": {
                    "fontSize": "13px",
                    "fontWeight": 400,
                    "whiteSpace": "pre-line",
                    "maxWidth": "460px",
                }
            },
        },
        "MuiAppBar": {
            "styleOverrides": {"root": {"&.header": {"backgroundColor": NAVY, "color": "white"}}}
        },
    },
}
THEME = {
    "light": {"palette": {"primary": {"main": "#0b4f7d"}}, **_THEME},
    "dark": {"palette": {"primary": {"main": "#7cb8e0"}}, **_THEME},
}

GAP = 8
CARD_HEAD = 30  # px, a card's title
CARD_PADDING = 8  # px, left and right
CURVES = 336  # px, least width of the column of charts
CURVES_HEIGHT = 180  # px, least height of the charts where they stand in a row
LEAST_SIDE = 130  # px, least width of a map
WIDE = 1.5  # aspect of maps from which on the charts stand below them

MAP_LEFT, MAP_RIGHT, MAP_TOP, MAP_BOTTOM = 44, 60, 8, 28
"""Room around a map's frame, px; the same stands in ``board/board.css``."""
BELOW = 36  # px, the bar below the maps

_row = CARD_HEAD + MAP_TOP + MAP_BOTTOM + 2  # with the card's border
COLUMN = 2 * CARD_PADDING + MAP_LEFT + MAP_RIGHT + 2  # px, of a card beside its map
# Panel asks for the sum of the children's least sizes, which a grid does not need.
SHRINKABLE = {"min-width": "0", "min-height": "0"}

MAIN = {
    "display": "grid",
    "grid-template-columns": "minmax(0, 1fr)",
    "grid-template-rows": "repeat(3, max-content) minmax(max-content, 1fr)",
    "gap": f"{GAP}px",
    "padding": f"{GAP}px",
    "height": "100%",
    "container-type": "inline-size",
    "box-sizing": "border-box",
    "overflow": "auto",
}


def _arrangement(below: bool) -> dict[str, str]:
    """Properties of the board, which all on it inherit; the curves ``below``, or beside."""
    right, bottom = (0, CURVES_HEIGHT + GAP) if below else (CURVES + GAP, 0)
    least = f"{LEAST_SIDE}px / var(--aspect)"
    height = f"(100cqh - {bottom + GAP + BELOW}px) / 2 - {_row}px"
    width = f"((100cqw - {right + GAP}px) / 2 - {COLUMN}px) / var(--aspect)"
    free = "minmax(0, 1fr)"
    fitting = f"calc(var(--map-height) * var(--aspect) + {COLUMN}px)"
    return {
        "--board-height": f"calc(2 * {least} + {2 * _row + GAP + BELOW + bottom}px)",
        "--map-height": f"max({least}, min({height}, {width}))",
        "--board": f"auto {free} / {free}" if below else f"{free} / auto {free}",
        "--maps": f"auto auto / repeat(2, {free if below else fitting})",
        "--beside": f"{free} / minmax(230px, 1fr) minmax(0, 3.4fr)"
        if below
        else f"auto {free} / {free}",
        "--curves": f"{free} / repeat(3, {free})" if below else f"repeat(3, {free}) / {free}",
    }


def arrangement(aspect: float) -> dict[str, str]:
    """Styles of the board, for maps that are ``aspect`` times as wide as high.

    Four maps in two rows; the curves stand in a column at their right, or in a row below where
    the maps or the window leave no room for that.
    """
    return {**SHRINKABLE, "--aspect": f"{aspect}", **_arrangement(below=aspect >= WIDE)}


_narrow = 2 * (LEAST_SIDE + COLUMN) + CURVES + 2 * GAP
_below = " ".join(f"{k}: {v} !important;" for k, v in _arrangement(below=True).items())
_grid = f"display: grid; gap: {GAP}px;"
STYLESHEETS = {
    # The least height is stronger than what SHRINKABLE says.
    "board": f":host {{ {_grid} container-type: size; grid-template: var(--board); "
    "min-height: var(--board-height) !important; }\n"
    f"@container (max-width: {_narrow}px) {{ :host {{ {_below} }} }}\n",
    "beside": f":host {{ {_grid} grid-template: var(--beside); }}\n",
    "curves": f":host {{ {_grid} grid-template: var(--curves); }}\n",
}
"""Of the board, and of the charts on it, which ``arrangement`` arranges."""

HEAD = {"align-items": "center", "gap": "10px"}
CARD = {
    "background": "var(--panel-surface-color)",
    "border": "1px solid rgba(128,128,128,0.3)",
    "border-radius": "8px",
    "padding": f"0 {CARD_PADDING}px",
    "box-sizing": "border-box",
    "overflow": "hidden",
}

CSS = (Path(__file__).parent / "page.css").read_text()
