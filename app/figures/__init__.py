"""Views of a result with HoloViews, in the dashboard's colours: for notebooks and exports.

    import holoviews as hv
    from ldensf_app import figures

    hv.extension("bokeh")                    # or "matplotlib"
    result = ldensf_core.TwinExperiment("tsunami", ["ld-ensf", "none"]).run()
    figures.board(result)

Each takes what ``TwinExperiment.run`` returns, or the same read back from a file.
"""

from ldensf_app.figures.board import board
from ldensf_app.figures.fields import fan, maps
from ldensf_app.figures.series import errors, innovations, parameters, rank_histogram, times

__all__ = [
    "board",
    "errors",
    "fan",
    "innovations",
    "maps",
    "parameters",
    "rank_histogram",
    "times",
]
