"""Options of filters, tuned on the shipped benchmarks: ``tuned.json``.

They have the best CRPS on validation truths with the default sensors and 20 members (``python
bench/tune.py`` with benchmark and filter). Three truths were used, and ten for the LETKF of the
tsunami, which diverges on some. Steps of the score filters were chosen among those stable with the
default noise. Radii are in km; for the Kolmogorov flow in its units, with a box 2π wide.
"""

import json
from importlib.resources import files

TUNED: dict[str, dict[str, dict[str, float]]] = json.loads(
    files(__package__).joinpath("tuned.json").read_text(encoding="utf-8")
)
"""Tuned options, by benchmark and filter."""
