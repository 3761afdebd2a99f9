"""Baselines for a surrogate: predictions from the training runs, without a network.

Every baseline is a weighted mean of the 120 training runs, snapshot by snapshot; the weights depend
only on the parameters. Surrogate and baselines have the same score: ‖guess − truth‖/‖truth‖ of
normalised fields over the area, averaged over snapshots and runs. All runs advance side by side, so
that only one snapshot of each is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.spatial import Delaunay
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.surrogate import LDNet, SurrogateError

DEFINITION = "relative RMSE of normalised fields, averaged over snapshots and runs"


def climatology(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean of the training runs."""
    return np.full((len(asked), len(known)), 1 / len(known))


def nearest_run(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The training run with the nearest parameters."""
    distance = np.linalg.norm(asked[:, None] - known, axis=-1)
    return np.eye(len(known))[distance.argmin(axis=1)]


def linear_interpolation(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Linear between training runs; with several parameters, on the Delaunay triangulation.

    Outside the hull of the training parameters: the nearest run.
    """
    if known.shape[1] == 1:
        order = known[:, 0].argsort()
        ramps = np.eye(len(known))[order].T  # hat function of each run
        x, at = known[order, 0], asked[:, 0]
        return np.stack([np.interp(at, x, ramp) for ramp in ramps], axis=1)
    triangles = Delaunay(known)
    inside = triangles.find_simplex(asked)
    weights = nearest_run(known, asked)
    for row in np.flatnonzero(inside >= 0):
        affine = triangles.transform[inside[row]]
        most = affine[:-1] @ (asked[row] - affine[-1])
        weights[row] = 0.0
        weights[row, triangles.simplices[inside[row]]] = [*most, 1 - most.sum()]
    return weights


BASELINES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "climatology": climatology,
    "nearest training run": nearest_run,
    "linear interpolation": linear_interpolation,
}
"""By name: known (K, P) and asked (A, P) unit parameters → weights (A, K) of the known runs."""


@torch.inference_mode()
def baseline_errors(
    benchmark: Benchmark, device: torch.device, runs: int | None = None
) -> dict[str, float]:
    """Errors of the baselines on the test runs, by name.

    Args:
        runs: number of runs of each split; by default all.
    """
    known, asked = (_parameters(benchmark, split, device)[:runs] for split in ("train", "test"))
    units = [benchmark.unit_parameters(p).double().cpu().numpy() for p in (known, asked)]
    weights = {
        name: torch.as_tensor(rule(*units), dtype=known.dtype, device=device)
        for name, rule in BASELINES.items()
    }
    errors: dict[str, list[Tensor]] = {name: [] for name in weights}
    for fields, truths in zip(
        _snapshots(benchmark, known), _snapshots(benchmark, asked), strict=True
    ):
        for name, w in weights.items():
            guess = torch.einsum("ak,k...->a...", w, fields)
            errors[name].append(_relative(benchmark, guess, truths))
    return {name: float(torch.stack(of).mean()) for name, of in errors.items()}


@torch.inference_mode()
def surrogate_error(
    benchmark: Benchmark, ldnet: LDNet, split: str, device: torch.device, runs: int | None = None
) -> float:
    """Error of the surrogate alone on the first ``runs`` trajectories of a split, or on all."""
    errors = [
        _relative(benchmark, guess, truths)
        for guess, truths in _guesses(benchmark, ldnet, split, device, runs)
    ]
    return float(torch.stack(errors).mean())


@torch.inference_mode()
def measured_error(
    benchmark: Benchmark, ldnet: LDNet, split: str, device: torch.device, runs: int | None = None
) -> SurrogateError:
    """The map of the surrogate's error, from the first ``runs`` of a split, or from all."""
    error = SurrogateError(benchmark).to(device)
    squares = [
        error.in_cells(guess - truths)
        for guess, truths in _guesses(benchmark, ldnet, split, device, runs)
    ]
    parameters = benchmark.unit_parameters(_parameters(benchmark, split, device)[:runs])
    error.fit(torch.stack(squares, dim=1), parameters)
    return error


def _guesses(
    benchmark: Benchmark, ldnet: LDNet, split: str, device: torch.device, runs: int | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the surrogate's fields (B, V, ny, nx) and the true ones for each snapshot."""
    parameters = _parameters(benchmark, split, device)[:runs]
    states = ldnet.rollout(benchmark.unit_parameters(parameters), benchmark.n_times)
    for latent, truths in zip(states.unbind(1), _snapshots(benchmark, parameters), strict=True):
        yield ldnet.decode(latent), truths


def _parameters(benchmark: Benchmark, split: str, device: torch.device) -> Tensor:
    """Physical parameters of a split, (B, P)."""
    values = benchmark.parameter_array(benchmark.split(split))
    return torch.as_tensor(values, dtype=torch.float32, device=device)


def _snapshots(benchmark: Benchmark, parameters: Tensor) -> Iterator[Tensor]:
    """Yield normalised fields (B, V, ny, nx) of all runs for each snapshot."""
    return map(benchmark.normalise, benchmark.snapshots(parameters))


def _relative(benchmark: Benchmark, guess: Tensor, truth: Tensor) -> Tensor:
    """‖guess − truth‖/‖truth‖ over the area of each of (B, V, ny, nx): shape (B,)."""
    root = benchmark.domain.areas(truth).sqrt()
    error, size = (root * (guess - truth)).flatten(1), (root * truth).flatten(1)
    return error.norm(dim=1) / size.norm(dim=1)
