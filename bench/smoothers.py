"""The latent smoother beside other ways to fit the unknowns through the decoder.

    python bench/smoothers.py --benchmark tsunami --sensors "random 25" --truths 6

All use the decoder at the sensors as observation operator, and the variance of the sensors' noise
and the surrogate's error that the smoother uses. Except for the smoother, each is a pure function
of all data so far (``Data``) and of members of the prior. Truths are fresh draws of the prior, run
with the solver; random networks differ between truths. Scores are taken after the fifth snapshot
and after the last.

Printed for both times: ``error``, the relative RMSE of the mean field over that of the surrogate at
the true parameters; ``spread``, spread over error of the parameters, of the runs that are not lost;
``lost``, the share of runs in which no member is within ``LOST`` of the true parameters: all are in
wrong modes, or, of few data, spread over what the data leave open. ``ms`` is the CPU time of a
cycle, the mean over a run: batch methods, which need the history, fit it anew in every cycle.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from tqdm import tqdm

from ldensf_core import list_benchmarks, load_pretrained
from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import environment, machine_name
from ldensf_core.filters.latent_smoother import ALIKE, BESIDE, BEYOND, LatentSmoother
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.scores import relative_rmse, spread_skill
from ldensf_core.verification.table import as_text
from ldensf_core.weights.model import LatentModel

TRUTHS, NOISE, EARLY = 4711, 0.1, 5
"""Seed of the true parameters, noise, and the number of snapshots of the early score."""
DRAWS = 1000
"""Draws of the prior that are weighted."""
PRIOR_PRECISION = 3.0
"""Of a Gaussian with the variance of the uniform prior on [−1, 1], where one is needed."""
WORSE = 30.0
"""What −2 log p(y | u) of a draw of the posterior hardly exceeds the least one by."""
LOST = 0.1
"""Largest distance of the nearest member in unit parameters, of a prior of width 2."""
SENSORS = ("grid 100", "random 25", "random 4", "random 1", "cluster 25")


# -- the problem ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Data:
    """All measurements so far as one vector of D numbers, normalised.

    Attributes:
        y: (D,). ``ends``: number of values up to and with each snapshot.
        predict: unit parameters (M, P), number of snapshots → their values (M, D).
        variance: unit parameters (M, P) → variance of noise and surrogate, (M, D).
    """

    y: Tensor
    ends: tuple[int, ...]
    predict: Callable[[Tensor, int], Tensor]
    variance: Callable[[Tensor], Tensor]

    def first(self, snapshots: int) -> Data:
        """The data of the first snapshots alone."""
        n = self.ends[snapshots - 1]
        return Data(
            self.y[:n], self.ends[:snapshots], self.predict, lambda u: self.variance(u)[:, :n]
        )

    def windows(self) -> list[Data]:
        """The first snapshot, the first two, four, … and all: fits go astray less often so."""
        count = len(self.ends)
        powers = [2**k for k in range(count.bit_length()) if 2**k < count]
        return [self.first(n) for n in [*powers, count]]

    def values(self, u: Tensor) -> Tensor:
        """H(u), (M, D)."""
        return self.predict(u, len(self.ends))

    def misfit(self, u: Tensor) -> Tensor:
        """−2 log p(y | u) without its constant, (M,)."""
        variance = self.variance(u)
        squares = (self.y - self.values(u)).square() / variance
        return (squares + variance.log()).double().sum(1)

    def linearised(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """H(u) (M, D), and its derivatives (M, D, P) by the differences that the smoother uses."""
        steps = BESIDE * torch.eye(u.shape[1]).to(u)
        runs = torch.cat([u[:, None], u[:, None] + steps], dim=1)
        values = self.values(runs.flatten(0, 1)).unflatten(0, runs.shape[:2])
        return values[:, 0], (values[:, 1:] - values[:, :1]).mT / BESIDE


def through_decoder(model: LatentModel, observations: list[Observation]) -> Data:
    """The data of a run so far, seen through the shipped observation operator."""
    benchmark, sensors = model.benchmark, observations[0].sensors
    at_sensors, errors = model.at_sensors(sensors)
    values = torch.stack([o.values for o in observations])
    std = benchmark.std(values)
    noise = torch.stack([(o.std / std).square().expand_as(o.values) for o in observations])
    error = errors[: len(observations)]

    def predict(u: Tensor, snapshots: int) -> Tensor:
        return at_sensors(model.ldnet.rollout(u, snapshots)).flatten(1)

    def variance(u: Tensor) -> Tensor:
        factor = ALIKE * model.error.factor(u).square()
        return noise.flatten() + factor[:, None] * error.flatten()

    size = values[0].numel()
    return Data(
        ((values - benchmark.mean(values)) / std).flatten(),
        tuple(size * (i + 1) for i in range(len(observations))),
        predict,
        variance,
    )


# -- the rivals: data, members of the prior (M, P), generator → members (M, P) -----------------


def weighted_draws(data: Data, prior: Tensor, _: torch.Generator, members: int) -> Tensor:
    """Draws of the prior with their likelihoods as weights, resampled evenly to ``members``.

    Importance sampling, with systematic resampling (Kitagawa 1996, J. Comput. Graph. Stat. 5).
    """
    reached = torch.softmax(-data.misfit(prior) / 2, dim=0).cumsum(0)
    share = (torch.arange(members, dtype=reached.dtype) + 0.5) / members
    return prior[torch.searchsorted(reached, share).clamp_(max=len(prior) - 1)]


def es_mda(data: Data, prior: Tensor, generator: torch.Generator, assimilations: int = 4) -> Tensor:
    """The data several times with their variance multiplied by the number of times.

    Ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013, Comput. Geosci.
    55).
    """
    u, count = prior, len(prior)
    for _ in range(assimilations):
        values = data.values(u)
        root = (assimilations * data.variance(u.mean(0, keepdim=True))).sqrt()
        noise = torch.randn(values.shape, generator=generator).to(values)
        departures = ((data.y - values) / root + noise).double()
        anomalies = ((values - values.mean(0)) / root).double() / math.sqrt(count - 1)
        inner = torch.eye(count, dtype=torch.float64) + anomalies @ anomalies.mT
        weights = torch.linalg.solve(inner, anomalies @ departures.mT).mT.to(u)
        u = _bounded(u + weights @ (u - u.mean(0)) / math.sqrt(count - 1))
    return u


def ienks(data: Data, prior: Tensor, _: torch.Generator, steps: int = 3) -> Tensor:
    """A Gauss-Newton bundle from the prior's mean, over ``windows``.

    The iterative ensemble Kalman smoother (Bocquet and Sakov 2014, Q. J. R. Meteorol. Soc. 140).
    """
    parts = [part for part in data.windows() for _ in range(steps)]
    return _in_ensemble_space(parts, prior, BESIDE)


def envar(data: Data, prior: Tensor, _: torch.Generator, loops: int = 4) -> Tensor:
    """4DEnVar: derivatives are differences across the whole prior ensemble, in outer loops.

    As in LEVDA (Si and Chen, arXiv 2602.19406), with the parameters alone as control.
    """
    return _in_ensemble_space([data] * loops, prior, math.sqrt(len(prior) - 1))


def _in_ensemble_space(parts: Iterable[Data], prior: Tensor, width: float) -> Tensor:
    """Minimise ½ |w|² + ½ |y − H(ū + w A)|² over ensemble weights w, one step for each part.

    A are the prior's anomalies over √(M − 1). H is linearised by runs at distance ``width`` A.
    Members are the mean and A transformed by the root of the inverse Hessian.
    """
    count = len(prior)
    mean = prior.mean(0)
    anomalies = (prior - mean) / math.sqrt(count - 1)
    eye = torch.eye(count, dtype=torch.float64)
    centre, w = mean, eye[0] * 0
    for part in parts:
        values = part.values(_bounded(centre + width * anomalies))
        root = part.variance(centre[None]).sqrt()
        slopes = ((values - values.mean(0)) / root).double() / width
        departure = ((part.y - values.mean(0)) / root)[0].double()
        hessian = eye + slopes @ slopes.mT
        w = w - torch.linalg.solve(hessian, w - slopes @ departure)
        moved = mean + w.to(mean) @ anomalies
        centre = _bounded(moved)
        w = w + ((centre - moved) @ torch.linalg.pinv(anomalies)).double()
    values, vectors = torch.linalg.eigh(hessian)
    transform = (vectors / values.sqrt() @ vectors.mT).to(prior)
    return _bounded(centre + math.sqrt(count - 1) * transform @ anomalies)


def rml(
    data: Data, prior: Tensor, generator: torch.Generator, steps: int = 3, pruned: bool = False
) -> Tensor:
    """Every member fits its own perturbed data from its own draw of the prior, over ``windows``.

    Randomised maximum likelihood (Oliver, He and Reynolds 1996, ECMOR V), with damped Gauss-Newton
    steps (Levenberg and Marquardt): a step that does not lower the member's misfit is not made.

    Args:
        pruned: members that fit the data much worse than the best one are replaced by the others.
    """
    root = data.variance(prior).sqrt()
    y = data.y + root * torch.randn(root.shape, generator=generator).to(root)
    u = prior
    for part in data.windows():
        n = len(part.y)
        u = _damped_fit(part, y[:, :n], root[:, :n], prior, u, steps)
    if not pruned:
        return u
    misfit = data.misfit(u)
    fit = u[misfit < misfit.min() + WORSE]
    return fit[torch.arange(len(u)) % len(fit)]


def _damped_fit(
    data: Data, y: Tensor, root: Tensor, prior: Tensor, u: Tensor, steps: int
) -> Tensor:
    """Steps from u (M, P) for members' own data and standard deviations, (M, D) each."""
    eye = torch.eye(prior.shape[1]).to(prior)

    def fitted(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Misfit, downhill vector and Hessian."""
        values, jacobian = data.linearised(u)
        residual, scaled = (y - values) / root, jacobian / root[..., None]
        gradient = (residual[:, None] @ scaled)[:, 0] - PRIOR_PRECISION * (u - prior)
        misfit = residual.square().sum(1) + PRIOR_PRECISION * (u - prior).square().sum(1)
        return misfit, gradient, scaled.mT @ scaled + PRIOR_PRECISION * eye

    misfit, gradient, hessian = fitted(u)
    damping = torch.full_like(misfit, 0.01)
    for _ in range(steps):
        damped = hessian + damping[:, None, None] * hessian * eye
        trial = _bounded(u + torch.linalg.solve(damped, gradient))
        new = fitted(trial)
        better = new[0] < misfit
        damping = torch.where(better, damping / 10, damping * 10)
        u = torch.where(better[:, None], trial, u)
        misfit = torch.where(better, new[0], misfit)
        gradient = torch.where(better[:, None], new[1], gradient)
        hessian = torch.where(better[:, None, None], new[2], hessian)
    return u


def score(
    data: Data,
    prior: Tensor,
    generator: torch.Generator,
    steps: int = 100,
    epsilon: float = 0.05,
    implicit: bool = False,
) -> Tensor:
    """The ensemble score filter over u, with the gradient of the decoded likelihood.

    Reverse SDE, schedule and damping are those of Bao, Zhang and Zhang (2024, Computer Methods in
    Applied Mechanics and Engineering 432), see ``ldensf_core.analyses.score.euler_loop``.

    Args:
        implicit: steps are implicit in the likelihood, linearised: explicit ones are unstable
            where they are larger than the likelihood is wide.
    """
    step = 1 / steps
    eye = torch.eye(prior.shape[1]).to(prior)
    x = torch.randn(prior.shape, generator=generator).to(prior)
    for t in (1 - torch.arange(steps, dtype=torch.float64) / steps).tolist():
        alpha = 1 - (1 - epsilon) * t
        f = -(1 - epsilon) / alpha
        g2 = 1 - 2 * f * t
        at = _bounded(x)
        values, jacobian = data.linearised(at)
        weighted = (jacobian / data.variance(at)[..., None]).mT
        pull = step * g2 * (1 - t)
        push = pull * (weighted @ (data.y - values)[..., None])[..., 0]
        drift = f * x + g2 * (x - alpha * prior) / t
        noise = torch.randn(prior.shape, generator=generator).to(prior)
        change = push - step * drift + math.sqrt(step * g2) * noise
        if implicit:
            change = torch.linalg.solve(eye + pull * weighted @ jacobian, change)
        x = x + change
    return _bounded(x)


def _bounded(u: Tensor) -> Tensor:
    """Where the surrogate may be asked: the smoother's own bound."""
    return u.clamp(-BEYOND, BEYOND)


class Rival(NamedTuple):
    """A function of data, prior and generator; the members that it takes and gives."""

    fit: Callable[[Data, Tensor, torch.Generator], Tensor]
    drawn: int
    members: int
    history: bool = True


RIVALS = {
    "draws": Rival(partial(weighted_draws, members=20), DRAWS, 20, history=False),
    "draws, 100": Rival(partial(weighted_draws, members=100), DRAWS, 100, history=False),
    "es-mda": Rival(es_mda, 20, 20),
    "es-mda, 100": Rival(es_mda, 100, 100),
    "ienks": Rival(ienks, 20, 20),
    "rml": Rival(rml, 20, 20),
    "rml, pruned": Rival(partial(rml, pruned=True), 20, 20),
    "4denvar": Rival(envar, 20, 20),
    "score": Rival(score, 20, 20),
    "score, implicit": Rival(partial(score, implicit=True), 20, 20),
}
SHIPPED = LatentSmoother.name


# -- the comparison -------------------------------------------------------------------------


class Run(NamedTuple):
    """One estimate: field error and its floor, and the members' unit parameters (M, P)."""

    error: float
    floor: float
    members: Tensor
    truth: Tensor


def main(
    benchmark: Annotated[str, typer.Option(help=f"{', '.join(list_benchmarks())}.")] = "tsunami",
    sensors: Annotated[str, typer.Option(help=f"With commas: {', '.join(SENSORS)}.")] = (
        ",".join(SENSORS)
    ),
    methods: Annotated[str, typer.Option(help="With semicolons; by default all.")] = (
        ";".join([SHIPPED, *RIVALS])
    ),
    truths: Annotated[int, typer.Option(help="Fresh trajectories.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print one row a network and method; on the CPU, in one thread."""
    torch.set_num_threads(1)
    model = load_pretrained(benchmark, "cpu")
    fields, unit = trajectories(model.benchmark, truths)
    cases = [(s, m) for s in sensors.split(",") for m in methods.split(";")]
    rows = [row(model, fields, unit, *case) for case in tqdm(cases, unit="row")]
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


@torch.inference_mode()
def trajectories(benchmark: Benchmark, truths: int) -> tuple[Tensor, Tensor]:
    """Fields (B, T, V, ny, nx), physical units, and unit parameters (B, P)."""
    drawn = benchmark.parameter_array(benchmark.sample_parameters(truths, TRUTHS))
    physical = torch.as_tensor(drawn, dtype=torch.float32)
    return benchmark.trajectories(physical), benchmark.unit_parameters(physical)


@torch.inference_mode()
def row(
    model: LatentModel, fields: Tensor, unit: Tensor, sensors: str, method: str
) -> dict[str, Any]:
    """One network and method over all truths: fields (B, T, V, ny, nx), unit (B, P)."""
    estimate = shipped if method == SHIPPED else partial(fitted, RIVALS[method])
    times = min(EARLY, model.benchmark.n_times), model.benchmark.n_times
    runs: tuple[list[Run], list[Run]] = [], []
    spent = []
    for number, (truth, parameters) in enumerate(zip(fields, unit, strict=True)):
        network = placed(model.benchmark, sensors, number)
        observations = [
            network.observe(field, index, NOISE, 0.0, number) for index, field in enumerate(truth)
        ]
        states, ms = estimate(model, observations, times, number)
        spent.append(ms)
        for at, (latent, members), found in zip(times, states, runs, strict=True):
            exact = model.ldnet.rollout(parameters[None], at)[:, -1]
            floor = _error(model, exact, truth[at - 1])
            error = _error(model, latent, truth[at - 1])
            found.append(Run(error, floor, members, parameters))
    return {
        "benchmark": model.benchmark.name,
        "sensors": sensors,
        "method": method,
        "history": "no" if method == SHIPPED or not RIVALS[method].history else "yes",
        **_summary(runs[0], "_early"),
        **_summary(runs[1], "_end"),
        "ms": float(np.mean(spent)),
        "truths": len(unit),
        "device": machine_name(model.device),
    }


def placed(benchmark: Benchmark, sensors: str, seed: int) -> SensorNetwork:
    """A network by its name in ``SENSORS``: the kind and the number of sensors."""
    kind, number = sensors.split()
    n = int(number)
    if kind != "cluster":
        return SensorNetwork.place(benchmark, n, kind, seed)
    # A square of a tenth of each side, wholly inside.
    rng = np.random.default_rng(seed)
    fractions = 0.9 * rng.random(2) + 0.1 * rng.random((n, 2))
    axes = benchmark.x, benchmark.y
    low, high = np.array([a.low for a in axes]), np.array([a.high for a in axes])
    return SensorNetwork.at(benchmark, low + fractions * (high - low))


def shipped(
    model: LatentModel, observations: list[Observation], times: tuple[int, ...], seed: int
) -> tuple[list[tuple[Tensor, Tensor]], float]:
    """The shipped smoother with 20 members: latent states and unit parameters, ms a cycle."""
    filter_ = LatentSmoother(model)
    filter_.reset(20, seed)
    states = []
    start = time.process_time()
    for observation in observations:
        if observation.index:
            filter_.cycle(observation)
        else:
            filter_.analyse(observation)
        if observation.index + 1 in times:
            states.append((filter_.latent.clone(), filter_.parameters.clone()))
    ms = 1e3 * (time.process_time() - start) / len(observations)
    return (states * len(times))[: len(times)], ms


def fitted(
    rival: Rival,
    model: LatentModel,
    observations: list[Observation],
    times: tuple[int, ...],
    seed: int,
) -> tuple[list[tuple[Tensor, Tensor]], float]:
    """The same of a rival."""
    generator = torch.Generator().manual_seed(seed)
    prior = 2 * torch.rand(rival.drawn, len(model.benchmark.parameters), generator=generator) - 1
    states, spent = [], []
    for at in times:
        start = time.process_time()
        members = rival.fit(through_decoder(model, observations[:at]), prior, generator)
        spent.append(1e3 * (time.process_time() - start))
        states.append((model.ldnet.rollout(members, at)[:, -1], members))
    # The time of a fit grows in proportion to the data. Without the history, a cycle is a share.
    return states, float(np.mean(spent)) if rival.history else spent[-1] / times[-1]


def _error(model: LatentModel, latent: Tensor, truth: Tensor) -> float:
    mean = model.benchmark.denormalise(model.ldnet.decode(latent).mean(0))
    return relative_rmse(model.benchmark, mean, truth)


def _summary(runs: list[Run], suffix: str) -> dict[str, float]:
    lost = [float((r.members - r.truth).abs().amax(1).min()) > LOST for r in runs]
    kept = [r.members - r.truth for r, gone in zip(runs, lost, strict=True) if not gone]
    spread = math.nan
    if kept:
        square = float(torch.stack([m.mean(0).square() for m in kept]).mean())
        variance = float(torch.stack([m.var(0) for m in kept]).mean())
        spread = spread_skill(variance, square, len(kept[0]))
    return {
        "error" + suffix: sum(r.error for r in runs) / sum(r.floor for r in runs),
        "spread" + suffix: spread,
        "lost" + suffix: float(np.mean(lost)),
    }


if __name__ == "__main__":
    typer.run(main)
