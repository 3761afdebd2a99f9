"""Parameters of the full-space filters that have to be tuned, by filter and benchmark.

Provisional: a first guess, to be replaced by what is best on validation truths, with the default
sensors and 20 members, by the CRPS: ``python bench/tune.py --benchmark tsunami --filter letkf``.
Radii are in km, of the Kolmogorov flow in its own units, in which the box is 2π wide.
"""

from __future__ import annotations

TUNING: dict[str, dict[str, dict[str, float]]] = {
    "letkf": {
        "kolmogorov": {"inflation": 1.05, "radius": 1.0, "parameter_taper": 0.1},
        "tsunami": {"inflation": 1.05, "radius": 150.0, "parameter_taper": 0.1},
        "atmosphere": {"inflation": 1.05, "radius": 2000.0, "parameter_taper": 0.1},
    },
}
