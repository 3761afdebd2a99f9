"""The look of the page: one theme for the widgets, one stylesheet, and the sizes of things.

Sizes of the maps follow from the room there is, by CSS alone: the board measures itself
(container query units) and a map's side is the largest for which two rows and two columns of
maps fit beside the curves.
"""

from __future__ import annotations

from pathlib import Path

from app import curves, maps

NAVY = "#0b3a5e"
_THEME = {
    "shape": {"borderRadius": 6},
    "typography": {"fontSize": 12.5, "button": {"textTransform": "none", "fontWeight": 600}},
    "components": {
        "MuiToolbar": {"defaultProps": {"variant": "dense"}},
        # A button's explanation covers its neighbour, which must be within reach all the same.
        "MuiTooltip": {
            "defaultProps": {"disableInteractive": True},
            "styleOverrides": {"tooltip": {"fontSize": "13px", "fontWeight": 400}},
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

GAP = 10
CARD_HEAD = 30  # px, a card's title
CARD_PADDING = 8  # px, left and right
CURVES = 336  # px, least width of the column of curves

_row = CARD_HEAD + maps.TOP + maps.BOTTOM + 2  # with the card's border
_column = 2 * CARD_PADDING + maps.LEFT + maps.RIGHT + 2
SIDE = (
    f"max(150px, min((100cqh - {GAP}px) / 2 - {_row}px, "
    f"(100cqw - {CURVES + 2 * GAP}px) / 2 - {_column}px))"
)
MAP_SIZE = {
    "width": f"calc({SIDE} + {maps.LEFT + maps.RIGHT}px)",
    "height": f"calc({SIDE} + {maps.TOP + maps.BOTTOM}px)",
    "flex": "none",
}
_excess = curves.CLOUD_LEFT + curves.CLOUD_RIGHT - curves.TOP - curves.CLOUD_BOTTOM
CLOUD_SIZE = {
    "width": f"calc(100cqh + {_excess}px)",
    "max-width": "68cqw",
    "flex": "none",
}
SHRINKABLE = {"min-width": "0", "min-height": "0"}
BESIDE = {"container-type": "size", **SHRINKABLE, "align-items": "center", "gap": "8px"}

MAIN = {
    "display": "grid",
    "grid-template-columns": "minmax(0, 1fr)",
    "grid-template-rows": "max-content max-content minmax(460px, 1fr)",
    "gap": f"{GAP}px",
    "padding": f"{GAP}px",
    "height": "100%",
    "box-sizing": "border-box",
    "overflow": "auto",
}
BOARD = {
    "container-type": "size",
    "display": "grid",
    "grid-template-columns": "auto minmax(0, 1fr)",
    "grid-template-rows": "minmax(0, 1fr)",
    "gap": f"{GAP}px",
}
MAPS = {
    "width": f"calc(2 * {SIDE} + {2 * _column + GAP}px)",
    "display": "grid",
    "grid-template-columns": f"repeat(2, calc({SIDE} + {_column}px))",
    "grid-template-rows": "auto auto",
    "gap": f"{GAP}px",
    "align-content": "start",
}
COLUMN = {
    "display": "grid",
    "grid-template-rows": "minmax(0, 1.1fr) minmax(0, 1fr) minmax(0, 1fr)",
    "gap": f"{GAP}px",
}
HEAD = {"height": f"{CARD_HEAD}px", "align-items": "center", "gap": "10px"}
CARD = {
    "background": "var(--panel-surface-color)",
    "border": "1px solid rgba(128,128,128,0.3)",
    "border-radius": "8px",
    "padding": f"0 {CARD_PADDING}px",
    "box-sizing": "border-box",
    "overflow": "hidden",
}

CSS = (Path(__file__).parent / "page.css").read_text()
