"""Parameters of the full-space filters that have to be tuned, by filter and benchmark.

What was best on validation truths, with the default sensors and 20 members, by the CRPS (``python
bench/tune.py`` with benchmark and filter): three truths, and ten for the LETKF of the tsunami,
which blows up on some; of the score filters' steps, those at which their loop is stable with the
default noise. Radii are in km, of the Kolmogorov flow in its own units, in which the box is 2π
wide.
"""

from __future__ import annotations

import math

TUNING: dict[str, dict[str, dict[str, float]]] = {
    "ensf": {
        "kolmogorov": {"steps": 8000, "epsilon": 0.05},
        "tsunami": {"steps": 100, "epsilon": 0.3},
        "atmosphere": {"steps": 100, "epsilon": 0.3},
    },
    "ensf-inpainting": {
        "kolmogorov": {"steps": 200, "epsilon": 0.3},
        "tsunami": {"steps": 200, "epsilon": 0.3},
        "atmosphere": {"steps": 400, "epsilon": 0.3},
    },
    "latent-ensf": {
        "kolmogorov": {"steps": 100, "epsilon": 0.05},
        "tsunami": {"steps": 100, "epsilon": 0.02},
        "atmosphere": {"steps": 100, "epsilon": 0.05},
    },
    "letkf": {
        "kolmogorov": {"inflation": 1.15, "radius": math.inf, "parameter_taper": 0.3},
        "tsunami": {"inflation": 1.15, "radius": 100.0, "parameter_taper": 0.1},
        "atmosphere": {"inflation": 1.03, "radius": 12000.0, "parameter_taper": 0.3},
    },
}
