"""The dashboard: a twin experiment played live. Imports ``ldensf_core``, never the reverse."""

from importlib import import_module
from typing import Any

__all__ = ["Dashboard"]


def __getattr__(name: str) -> Any:
    # Only when it is asked for: Jupyter's server imports ``proxy`` and has no need of torch.
    if name in __all__:
        return import_module("ldensf_app.dashboard").Dashboard
    raise AttributeError(f"module 'ldensf_app' has no attribute {name!r}")
