"""What the score filter adds to the encoder, and by which rule: errors on the test runs.

    python bench/rules.py --benchmark tsunami --truths 40

Filters on the latent model with the default sensors on a grid, noise 0.1 and 20 members: relative
RMSE over the last quarter of the cycles, the error of the mean parameters over the prior's width
there, and spread over error. ``unscaled`` is the published loop in units of the training standard
deviation, with the encoder's σ raised to the limit of its 100 Euler steps.
"""

from __future__ import annotations

import json
from typing import Annotated

import numpy as np
import torch
import typer
from fresh import MEMBERS, NOISE, Bench
from tqdm import tqdm

from ldensf_core import SensorNetwork, get_benchmark, list_benchmarks
from ldensf_core.analyses.score import published_map, smallest_stable_sigma
from ldensf_core.device import machine_name, resolve_device
from ldensf_core.filters import EncoderAlone, LatentETKF, LatentSmoother, LDEnSF
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.ldensf import EULER_STEPS
from ldensf_core.scores import relative_rmse, relative_spread
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel


class Unscaled(LDEnSF):
    """The published loop without the scaling."""

    waits = True

    def correct(self) -> None:
        """Apply the loop's map in place."""
        mean, std = self.model.encoder.mean, self.model.encoder.std
        sigma = self.sigma.clamp_min(smallest_stable_sigma(EULER_STEPS))
        map_ = published_map(sigma, EULER_STEPS)
        after = mean + std * map_.apply((self.state - mean) / std, self.y, self.generator)
        after[:, self.model.ldnet.n_latent :].clamp_(-1, 1)
        self.state.copy_(after)


def filters(model: LatentModel) -> dict[str, FreeRun]:
    """All of them, by the name of their row."""
    epsilon = model.benchmark.tuning[LDEnSF.name]["epsilon"]
    return {
        "gaussian": LDEnSF(model),
        "published": LDEnSF(model, "published", epsilon),
        "unscaled": Unscaled(model),
        "encoder": EncoderAlone(model),
        "latent-etkf": LatentETKF(model),
        "latent-smoother": LatentSmoother(model),
    }


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    truths: Annotated[int, typer.Option(help="Trajectories of the test split.")] = 40,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a filter."""
    flow, on = get_benchmark(benchmark), resolve_device(device)
    with torch.inference_mode():
        rows = _rows(Bench(flow, on), truths)
    if as_json:
        print(json.dumps({"benchmark": benchmark, "device": machine_name(on), "rows": rows}))
        return
    print(f"{benchmark}, {truths} test runs, {machine_name(on)}")
    print(as_text(rows))


def _rows(bench: Bench, truths: int) -> list[dict[str, float | str]]:
    flow, made = bench.benchmark, filters(bench.model)
    network = SensorNetwork.grid(flow, *flow.sensor_grid)
    draws = flow.parameter_array(flow.split("test"))[:truths]
    found: dict[str, list] = {name: [] for name in made}
    for truth, values, fields in tqdm(bench.simulated(draws), total=len(draws)):
        unit = flow.unit_parameters(values)
        observed = [
            network.observe(of, k, NOISE, 0.0, truth).to("cpu") for k, of in enumerate(fields)
        ]
        for name, filter_ in made.items():
            for index in bench.run(filter_, observed, truth):
                if index in bench.last_quarter:
                    estimate = filter_.estimate()
                    off = (filter_.parameters.mean(0) - unit).abs().mean() / 2
                    found[name].append(
                        (
                            relative_rmse(flow, estimate.mean, fields[index]),
                            relative_spread(flow, estimate.spread, fields[index]),
                            float(off),
                        )
                    )
    rows = []
    for name, of in found.items():
        error, spread, off = np.array(of).T
        ratio = np.sqrt((MEMBERS + 1) / MEMBERS * np.mean(spread**2) / np.mean(error**2))
        rows.append(
            {
                "filter": name,
                "error": float(error.mean()),
                "spread_over_error": float(ratio),
                "parameter_error": float(off.mean()),
            }
        )
    return rows


if __name__ == "__main__":
    typer.run(main)
