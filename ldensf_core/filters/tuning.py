"""Parameters of the full-space filters that have to be tuned, by filter and benchmark.

What was best on two validation truths, with the default sensors and 20 members, by the CRPS:
``python bench/tune.py --truths 2`` with benchmark and filter; for the LETKF with inflations of 1,
1.05, 1.1 and 1.2 and radii around 1, 150 km and 2000 km.
Radii are in km, of the Kolmogorov flow in its own units, in which the box is 2π wide.
"""

from __future__ import annotations

TUNING: dict[str, dict[str, dict[str, float]]] = {
    "ensf": {
        "kolmogorov": {"steps": 2000, "epsilon": 0.05},
        "tsunami": {"steps": 400, "epsilon": 0.3},
        "atmosphere": {"steps": 100, "epsilon": 0.3},
    },
    "latent-ensf": {
        "kolmogorov": {"steps": 100, "epsilon": 0.05},
        "tsunami": {"steps": 100, "epsilon": 0.05},
        "atmosphere": {"steps": 100, "epsilon": 0.05},
    },
    "letkf": {
        "kolmogorov": {"inflation": 1.2, "radius": 1.0, "parameter_taper": 0.1},
        "tsunami": {"inflation": 1.05, "radius": 75.0, "parameter_taper": 0.1},
        "atmosphere": {"inflation": 1.05, "radius": 4000.0, "parameter_taper": 0.1},
    },
}
