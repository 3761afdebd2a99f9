"""Reconstruction error of the coupled autoencoder: a lower bound of Latent-EnSF's error."""

from __future__ import annotations

import numpy as np
import torch

from ldensf_core.benchmarks import Benchmark
from ldensf_core.encoders.autoencoder import CoupledVAE, ObservationReader
from ldensf_core.observations import SensorNetwork
from ldensf_core.scores import relative_rmse

NOISE = 0.1
"""Noise of the sensors, which are the benchmark's default grid."""


@torch.inference_mode()
def reconstruction_error(
    benchmark: Benchmark,
    vae: CoupledVAE,
    split: str,
    device: torch.device,
    runs: int | None = None,
) -> dict[str, float]:
    """Relative RMSE of decoded means of z, over all snapshots of trajectories of a split.

    Args:
        runs: number of runs of the split; by default all.

    Returns:
        ``state``: with the state encoder. ``observation``: with the observation encoder, from the
        benchmark's default sensors at noise 0.1, at that time alone.
    """
    values = benchmark.parameter_array(benchmark.split(split))[:runs]
    parameters = torch.as_tensor(values, dtype=torch.float32, device=device)
    sensors = SensorNetwork.grid(benchmark, *benchmark.sensor_grid)
    reader = ObservationReader(benchmark, vae)
    errors: dict[str, list[float]] = {"state": [], "observation": []}
    for index, batch in enumerate(benchmark.snapshots(parameters)):
        for run, truth in enumerate(batch):
            observation = sensors.observe(truth, index, NOISE, 0.0, run)
            for name, z in (
                ("state", vae.of_fields(benchmark.normalise(truth))),
                ("observation", reader.read(observation)),
            ):
                guess = benchmark.denormalise(vae.fields(z.mean))
                errors[name].append(relative_rmse(benchmark, guess, truth))
    return {name: float(np.mean(of)) for name, of in errors.items()}
