"""The dashboard: a twin experiment played live. Imports ``ldensf_core``, never the reverse."""

from ldensf_app.dashboard import Dashboard

__all__ = ["Dashboard"]
