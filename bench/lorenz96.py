"""Our LETKF and EnSF on the field's standard test, the Lorenz-96 system, beside DAPPER's LETKF.

    python bench/lorenz96.py
    make dapper && python bench/lorenz96.py --dapper-python .venv-dapper/bin/python

40 variables, F = 8, all of them observed every 0.05 time units with noise of variance 1 (Sakov and
Oke 2008), 7 members, inflation 1.04: the setting for which DAPPER lists a root mean square error
of the analysis mean of 0.22 (``dapper/mods/Lorenz96/sakov2008.py``).

DAPPER's ``loc_rad`` is the distance at which its taper is about e^-½: it multiplies it by √(10/3)
to get the half-width of Gaspari and Cohn's function, which is our ``radius``. It corrects
variables two by two, inflates after the analysis rather than before, and its listed figure is
with a random rotation of the ensemble (``rot``), which we have not.

EnSF works in units of the climatological standard deviation. It has neither inflation nor
localisation, and its gain does not look at the ensemble. Beside the 100 Euler steps that are
published stand the 40 that are best here, and what a gain of their size leads to without the noise
that EnSF adds: every member moved by a fifth of the innovation. LD-EnSF's authors scale by 100
around their Euler loop and take the noise to be 0.1 there whatever it is: hardly any noise is added
then, too, and the gain is 0.37.

Without another interpreter in which DAPPER can be imported, its listed figure stands beside ours.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from tqdm import tqdm

from ldensf_core.analyses.kalman import letkf_analysis
from ldensf_core.analyses.localisation import gaspari_cohn
from ldensf_core.analyses.score import AffineMap, published_map
from ldensf_core.device import environment
from ldensf_core.filters.ldensf import EPSILON, EULER_STEPS, SCALING, SIGMA, scaled_map
from ldensf_core.verification.table import as_text

Analysis = Callable[[Tensor, Tensor], Tensor]

VARIABLES, FORCING, TIME_STEP = 40, 8.0, 0.05
MEMBERS, INFLATION, LOC_RAD = 7, 1.04, 4.0
MEAN, CLIMATE = 2.34, 3.64
"""Mean and standard deviation of a variable in the course of time."""
BURN_IN = 400  # cycles that are not scored, as in DAPPER's setting
STEPS, GAIN = (100, 40), 0.2
LISTED = 0.22
BLOCKS = 10  # whose means give the error of the mean

DAPPER = """
import json, sys, time
import dapper
from dapper.da_methods import LETKF
from dapper.mods.Lorenz96.sakov2008 import HMM

members, cycles, seed = map(int, sys.argv[1:4])
inflation, loc_rad = map(float, sys.argv[4:6])
dapper.rc.liveplotting = False
HMM.tseq.Ko = cycles - 1
rows = []
for rotated in (False, True):
    dapper.set_seed(seed + 1)
    truth, observations = HMM.simulate()
    method = LETKF(N=members, infl=inflation, loc_rad=loc_rad, rot=rotated)
    start = time.perf_counter()
    method.assimilate(HMM, truth, observations)
    seconds = time.perf_counter() - start
    method.stats.average_in_time()
    rmse = method.avrgs.err.rms.a
    rows.append(
        {
            "implementation": f"DAPPER {dapper.__version__}, LETKF, rot={rotated}",
            "rmse": float(rmse.val),
            "error": float(rmse.prec),
            "ms_per_cycle": 1e3 * seconds / cycles,
        }
    )
print(json.dumps(rows))
"""


def main(
    cycles: Annotated[int, typer.Option(help="After a burn-in of 400.")] = 10_000,
    steps: Annotated[
        list[int] | None, typer.Option(help="Of EnSF, several times if wanted: 100 and 40.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    dapper_python: Annotated[
        Path | None, typer.Option(help="Interpreter that has DAPPER: `make dapper` makes one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row an implementation."""
    analyses = {
        "ldensf_core, LETKF": letkf(),
        **{f"ldensf_core, EnSF, {number} steps": ensf(seed, number) for number in steps or STEPS},
        f"ldensf_core, EnSF, {EULER_STEPS} steps, scaled by {SCALING:g}": scaled_ensf(seed),
        f"a gain of {GAIN}": lambda ensemble, y: ensemble + GAIN * (y - ensemble),
    }
    rows = [
        {"implementation": name, **run(cycles, seed, analysis)}
        for name, analysis in analyses.items()
    ]
    if dapper_python is None:
        listed = {"implementation": "DAPPER, LETKF, listed", "rmse": LISTED}
        rows.append(listed | dict.fromkeys(("error", "ms_per_cycle")))
    else:
        rows += dapper(dapper_python, cycles, seed)
    setting = {"members": MEMBERS, "inflation": INFLATION, "loc_rad": LOC_RAD, "cycles": cycles}
    rows = [row | setting | {"seed": seed} for row in rows]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


def tendency(x: Tensor) -> Tensor:
    """dx_i/dt = (x_{i+1} − x_{i−2}) x_{i−1} − x_i + F of states (..., N) (Lorenz 1996)."""
    return (x.roll(-1, -1) - x.roll(2, -1)) * x.roll(1, -1) - x + FORCING


def step(x: Tensor) -> Tensor:
    """0.05 time units on, by one step of the fourth-order Runge-Kutta scheme."""
    k1 = tendency(x)
    k2 = tendency(x + TIME_STEP / 2 * k1)
    k3 = tendency(x + TIME_STEP / 2 * k2)
    k4 = tendency(x + TIME_STEP * k3)
    return x + TIME_STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def taper(loc_rad: float) -> Tensor:
    """Weights of the observations (columns) at the variables (rows), around the ring."""
    place = torch.arange(VARIABLES, dtype=torch.float64)
    apart = (place[:, None] - place).abs()
    return gaspari_cohn(torch.minimum(apart, VARIABLES - apart), math.sqrt(10 / 3) * loc_rad)


def letkf() -> Analysis:
    """Of the ensemble (M, N) and observations (N,) with noise of variance 1."""
    variance, weights = torch.ones(VARIABLES, dtype=torch.float64), taper(LOC_RAD)
    return lambda ensemble, y: letkf_analysis(ensemble, ensemble, y, variance, weights, INFLATION)


def ensf(seed: int, steps: int) -> Analysis:
    """The same by the published filter."""
    map_ = published_map(torch.full((VARIABLES,), 1 / CLIMATE, dtype=torch.float64), steps)
    return in_units(map_, torch.Generator().manual_seed(seed))


def scaled_ensf(seed: int) -> Analysis:
    """The same as in LD-EnSF's published code, there of latent numbers."""
    generator = torch.Generator().manual_seed(seed)
    analysis = in_units(scaled_map(EPSILON), generator)

    def perturbed(ensemble: Tensor, y: Tensor) -> Tensor:
        draw = torch.randn(y.shape, generator=generator, dtype=y.dtype)  # one for all members
        return analysis(ensemble, y + CLIMATE * SIGMA / SCALING * draw)

    return perturbed


def in_units(map_: AffineMap, generator: torch.Generator) -> Analysis:
    """A map of states in units of the climatological standard deviation, as an analysis."""

    def analysis(ensemble: Tensor, y: Tensor) -> Tensor:
        units = (ensemble - MEAN) / CLIMATE, (y - MEAN) / CLIMATE
        return MEAN + CLIMATE * map_.apply(*units, generator)

    return analysis


def run(cycles: int, seed: int, analysis: Analysis) -> dict[str, Any]:
    """Mean RMSE of the analysis mean over ``cycles`` after the burn-in, and its standard error."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, VARIABLES, generator=generator, dtype=torch.float64)

    truth = FORCING + noise()
    for _ in range(BURN_IN):  # onto the attractor
        truth = step(truth)
    ensemble = truth + noise(MEMBERS)
    errors = []
    start = time.perf_counter()
    for _ in tqdm(range(BURN_IN + cycles), unit="cycle"):
        truth, ensemble = step(truth), step(ensemble)
        y = truth + noise()
        ensemble = analysis(ensemble, y)
        errors.append((ensemble.mean(dim=0) - truth).square().mean().sqrt())
    seconds = time.perf_counter() - start
    scored = torch.stack(errors[BURN_IN:])
    blocks = torch.stack([block.mean() for block in scored.tensor_split(BLOCKS)])
    return {
        "rmse": float(scored.mean()),
        "error": float(blocks.std() / math.sqrt(BLOCKS)),
        "ms_per_cycle": 1e3 * seconds / (BURN_IN + cycles),
    }


def dapper(python: Path, cycles: int, seed: int) -> list[dict[str, Any]]:
    """The same by DAPPER, in an interpreter of its own: without and with rotation.

    Raises:
        ValueError: if that fails, with the last line of what it says.
    """
    numbers = (MEMBERS, BURN_IN + cycles, seed, INFLATION, LOC_RAD)
    try:
        done = subprocess.run(
            [python, "-c", DAPPER, *map(str, numbers)],
            env=os.environ | {"MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise ValueError(f"DAPPER does not run with {python}: {said}") from error
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    typer.run(main)
