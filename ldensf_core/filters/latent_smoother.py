"""The latent smoother: fits the unknowns to all measurements so far, through the decoder.

Everything that varies between trajectories enters the surrogate through its parameters u, so that
y_k = D(s_k(u), x) + e for every snapshot k so far: the decoder at the sensors is the observation
operator. No encoder is needed, and sensors may stand anywhere, measure any of the variables and be
silent at times. The error e is the sensors' noise and the surrogate's own error
(``SurrogateError``). Surrogate errors of neighbours in space and time are alike, so that ``ALIKE``
values say no more of the unknowns than one: the error's variance is multiplied by it.

The posterior of u is a sum of Gaussians (``gaussian_sum``). Its components start all over the prior
and each follows its own runs of the surrogate: one at its centre and one beside it along each
unknown, whose differences are the derivatives. A cycle takes in the newest observation only. What
earlier observations say is kept as a quadratic function about each centre; when the number of
values has grown by a quarter, centres move to their means and their runs are rolled out anew from
the first snapshot. Members are draws of the posterior, with latent states linear about the centres.

A component whose weight is negligible, or that has reached the place of another, is dropped; not on
a GPU, where a recorded graph has fixed shapes and all of them take little more time than one.

Relatives are the iterative ensemble Kalman smoother (Bocquet and Sakov 2014, Q. J. R. Meteorol.
Soc. 140), multiple data assimilation (Emerick and Reynolds 2013, Comput. Geosci. 55) and LEVDA (Si
and Chen, arXiv 2602.19406); docs/decisions/0016 compares.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ldensf_core.analyses.gaussian_sum import (
    Evidence,
    GaussianSum,
    even_normals,
    evidence,
    prior_centres,
)
from ldensf_core.filters.free import FreeRun
from ldensf_core.filters.measured import Measured
from ldensf_core.observations import Observation
from ldensf_core.surrogate.ldnet import STEP
from ldensf_core.weights.model import LatentModel

COMPONENTS = {1: 64, 2: 256, 3: 512}
"""Components by the number of unknowns; a single one where there are more."""
OVERLAP = 0.7
"""Width of a component, as a share of the distance between their centres."""
BESIDE = 0.01
"""Distance of the runs beside a centre, in unit parameters."""
BEYOND = 1.05
"""How far from the prior's middle a centre may move; the prior ends at 1."""
GROWTH = 1.25
"""Centres move each time the number of values has grown by this factor."""
ITERATIONS, EARLY = 3, 4
"""Gauss-Newton steps of an observation after which centres move, for the first ``EARLY`` of these
moves; later ones are small and take one step."""
ALIKE = 10.0
"""Values whose surrogate errors count as one; with it the parameters' 90 % intervals of fresh runs
hold the truth about as often as they should (``python bench/smoother.py``)."""
NEGLIGIBLE, NEAR = 1e-5, 0.5
"""Smallest weight of a component, and the distance at which two are the same, in standard
deviations."""


class LatentSmoother(FreeRun):
    """An ensemble of the unknowns' posterior, given all observations so far."""

    name = "latent-smoother"
    title = "latent smoother"
    sentence = "Fits the unknown parameters to all measurements so far, through the decoder."
    corrects = corrects_parameters = True
    without_weights = None
    limit = 1.05  # what the surrogate's error in single runs may add; chance is allowed for apart

    def __init__(self, model: LatentModel) -> None:
        super().__init__(model)
        self.measured = Measured(model)

    @torch.inference_mode()
    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior and forget all observations."""
        super().reset(members, seed)
        unknowns, device = len(self.model.benchmark.parameters), self.model.device
        count = COMPONENTS.get(unknowns, 1)
        centres = prior_centres(count, unknowns, seed) if count > 1 else torch.zeros(1, unknowns)
        width = OVERLAP * 2 / count ** (1 / unknowns)
        self.sum = GaussianSum(centres.to(device), width)
        self.seen = self.seen_at_move = self.moves = 0
        self._draw_normals(members)
        self.runs = self.state.new_empty(count, 1 + unknowns, self.state.shape[1])
        self._graphs = {}  # they read the old buffers
        self._roll_out(0)

    @torch.inference_mode()
    def resize(self, members: int, seed: int) -> None:
        """Draw ``members`` members of the posterior.

        From the next observation on they are those of one that always had as many: ``seed`` is
        not used.
        """
        if members == len(self.state):
            return
        super().resize(members, seed)
        self._draw_normals(members)
        if self.seen:
            self._draw()

    def _draw_normals(self, members: int) -> None:
        """What ``_draw`` makes members of."""
        unknowns, device = len(self.model.benchmark.parameters), self.model.device
        generator = torch.Generator().manual_seed(self.seed)
        self.normals = even_normals(members, unknowns, generator).to(device)
        self.order = torch.randperm(members, generator=generator).to(device)

    @torch.inference_mode()
    def expect(self, observation: Observation) -> None:
        """Copy an observation to where the next launch reads it."""
        if not observation.empty:
            self.measured.take(observation)

    @torch.inference_mode()
    def analyse(self, observation: Observation) -> None:
        """Correct the unknowns with an observation of the present snapshot."""
        if not observation.empty:
            self._take_in(observation, [])

    @torch.inference_mode()
    def cycle(self, observation: Observation | None) -> None:
        """``forecast`` and ``analyse``; on a GPU, unless centres move, in one launch."""
        if observation is None or observation.empty:
            self.forecast()
            return
        self._take_in(observation, [self._step])
        self.index += 1

    def _take_in(self, observation: Observation, first: list[Callable[[], None]]) -> None:
        self.measured.take(observation)
        # The spread of a few members of the prior says too little of what to expect.
        self.compared = observation if self.moves else None
        parts = [*first, self._remember, self.measured.receive]
        seen = self.seen + int(observation.present.sum())
        if seen > GROWTH * self.seen_at_move:
            self._run(*parts)
            self._move(observation.index)
            self.seen_at_move = seen
            self._run(self._add)
            self._drop()
            parts = [self._draw]
        else:
            parts += [self._add, self._draw]
        self._run(*parts)
        self.seen = seen

    def _step(self) -> None:
        super()._step()
        self._roll()

    def _roll(self) -> None:
        """Carry the components' runs one snapshot forward."""
        ldnet = self.model.ldnet
        self.functions.step(ldnet.dynamics, self.runs.flatten(0, 1), ldnet.n_latent, STEP)

    def _move(self, index: int) -> None:
        """Move centres to their means, given the observation at ``index`` too; not added yet."""
        for _ in range(ITERATIONS if self.moves < EARLY else 1):
            self._run(self._towards)
            self._roll_out(index)
        self.moves += 1

    def _drop(self) -> None:
        """Drop components that are negligible or the same as another; not on a GPU."""
        if not self.runs.is_cuda and len(self.sum) > 1:
            index, weights = self.sum.distinct(NEGLIGIBLE, NEAR)
            self.sum.keep(index, weights)
            self.runs = self.runs[index]

    def _roll_out(self, index: int) -> None:
        """Components' runs from the first snapshot to ``index``."""
        n = self.model.ldnet.n_latent
        self.runs[..., :n] = 0
        self.runs[..., n:] = self.sum.centre[:, None]
        self.runs[:, 1:, n:].diagonal(dim1=1, dim2=2).add_(BESIDE)
        for _ in range(index + 1):
            self._run(self._roll)

    def _towards(self) -> None:
        self.sum.move_towards(self._evidence(), BEYOND)

    def _add(self) -> None:
        self.sum.add(self._evidence())

    def _evidence(self) -> Evidence:
        """What the newest observation says of each component."""
        measured = self.measured
        predicted = measured.predict(self.runs[..., : self.model.ldnet.n_latent]).flatten(2)
        centre, beside = predicted[:, 0], predicted[:, 1:]
        # One error for all components: otherwise a wild value would prefer those of large errors.
        factor = self.model.error.factor(self.sum.centre.to(predicted)).square()
        factor = (self.sum.log_weights().exp().to(factor) * factor).sum()
        weight = 1 / (measured.noise + ALIKE * factor * measured.error)
        jacobian = (beside - centre[:, None]).mT / BESIDE
        return evidence(centre, jacobian, measured.values, weight)

    def _draw(self) -> None:
        """Replace the members by draws of the posterior, latent states linear about centres."""
        n = self.model.ldnet.n_latent
        index, about = self.sum.draw(self.normals)
        index, about = index[self.order], about[self.order]
        centre = self.sum.centre[index]
        unknowns = (centre + about).clamp(-1, 1)  # the prior has bounds
        runs = self.runs[index, :, :n]
        slopes = (runs[:, 1:] - runs[:, :1]) / BESIDE
        latent = runs[:, 0] + torch.einsum("mp,mpl->ml", (unknowns - centre).to(slopes), slopes)
        self.state.copy_(torch.cat([latent, unknowns.to(latent)], dim=1))

    def _buffers(self) -> list[Tensor]:
        return [*super()._buffers(), self.runs, *self.sum.tensors()]

    def _run(self, *parts: Callable[[], None]) -> None:
        """As usual; without a graph for a network's first observation: it may be the only one."""
        reading = {"receive", "_add", "_towards"}
        if self.measured.taken == 1 and reading & {part.__name__ for part in parts}:
            kept = {key: graph for key, graph in self._graphs.items() if not reading & set(key)}
            self._graphs = kept
            for part in parts:
                part()
        else:
            super()._run(*parts)

    def _shapes(self) -> tuple[int, ...]:
        return (len(self.sum),)
