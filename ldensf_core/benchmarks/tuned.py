"""Options of filters that were tuned on the benchmarks shipped here: ``tuned.json``.

What was best on validation truths, with the default sensors and 20 members, by the CRPS (``python
bench/tune.py`` with benchmark and filter): three truths, and ten for the LETKF of the tsunami,
which blows up on some; of the score filters' steps, those at which their loop is stable with the
default noise. Radii are in km, of the Kolmogorov flow in its own units, in which the box is 2π
wide.
"""

import json
from importlib.resources import files

TUNED: dict[str, dict[str, dict[str, float]]] = json.loads(
    files(__package__).joinpath("tuned.json").read_text(encoding="utf-8")
)
"""By benchmark and filter."""
