"""What ``panel serve app`` runs for every browser that comes."""

import panel as pn

from ldensf_app.sessions import dashboard

if not pn.state.curdoc.roots:  # else it was built while the session was made: see app_hooks.py
    dashboard().servable()
