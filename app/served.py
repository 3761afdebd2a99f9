"""The page of a session that ``panel serve app`` shows."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly

from ldensf_app import style
from ldensf_app.controls import Controls
from ldensf_app.page import Page


def template(page: Page, controls: Controls, busy: Any) -> pmui.Page:
    """Head, sidebar and main area.

    Args:
        busy: a parameter that says whether the page is to look busy.
    """
    head = pn.Row(
        page.story,
        page.guide,
        sizing_mode="stretch_width",
        margin=0,
        styles={"min-width": "0", "gap": "12px"},
    )
    made = pmui.Page(
        title="LD-EnSF",
        header=[head],
        sx={
            "& .title": {"whiteSpace": "nowrap"},
            "& .header .MuiBox-root:has(> .child-wrapper)": {"minWidth": 0},
        },
        sidebar=[controls.sidebar()],
        sidebar_width=280,
        main=[page.main.view],
        theme_config=style.THEME,
        busy_indicator=None,
    )
    # The page follows whether the server is busy with anything for anyone, and would look through
    # all of its models each time: ten times a second and browser, 0.1 s each. Nor would the
    # server, being followed, ever let go of it (panel-material-ui 0.16.6). To set a value does not
    # end that (param 2.4), to follow something else does.
    with edit_readonly(made):
        made.busy = busy
    return made


def in_session() -> bool:
    """Whether a browser's session of a server is at work, rather than a notebook."""
    return bool(pn.state.curdoc and pn.state.curdoc.session_context)


def is_watched() -> bool:
    """Whether somebody would see an update: always in a notebook, else with a browser there."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    session = getattr(context, "session", None)
    return session is None or session.connection_count > 0
