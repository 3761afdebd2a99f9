"""The full-space ensemble score filter, the baseline of LD-EnSF.

The analysis works on all grid values x in units of their training standard deviation. The
likelihood compares the sensors' values y with H x, where H interpolates bilinearly (Bao, Zhang and
Zhang 2024; see ``score``). The parameters are drawn from the prior and never corrected.

The published Euler loop collapses into an affine map here too. With the eigen-decomposition
H Hᵀ = Q Λ Qᵀ the likelihood's gradient Hᵀ(H x − y)/σ² acts on each of the orthonormal directions
Hᵀ q/√λ separately, as an observation qᵀy/√λ with noise σ/√λ; everything orthogonal to them is
unobserved. For sensors on grid points these directions are the observed grid values.

A weakness of the published scheme: each analysis adds white noise of standard deviation S to every
unobserved value, independently at every grid point; S is 0.101 with 100 steps (at least 1/√steps).
The sensors do not correct the points between them, so nothing removes this noise: the solver
spreads it, and after 51 analyses of the tsunami it amounts to half a standard deviation of every
variable in each member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ldensf_core.analyses.score import AffineMap, published_map, smallest_stable_sigma
from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import captured
from ldensf_core.filters.full_space import FullSpaceFilter
from ldensf_core.filters.options import Option
from ldensf_core.observations import Observation, SensorNetwork

NULL_EIGENVALUE = 1e-10
"""An eigenvalue of H Hᵀ below this share of the largest counts as zero: redundant sensors."""

Steps = Annotated[
    int,
    Option("Euler steps of the reverse SDE; more steps leave less noise.", low=3, high=100_000),
]
Epsilon = Annotated[
    float, Option("ε, at which the schedule of the reverse SDE ends.", low=0.0, high=1.0)
]


@dataclass(frozen=True, eq=False)
class ObservedSpace:
    """The grid directions that a set of sensors observes, with the analysis in each.

    Attributes:
        variables: indices of the variables that exactly these sensors report, (v,).
        sensors: their indices in the observation, (n,).
        cells: flat indices of the grid points in their stencils, (c,).
        directions: orthonormal columns Hᵀ q/√λ on these cells, (c, r).
        whitening: q/√λ, (n, r).
        analysis: the map in each direction, (v, r).
    """

    variables: Tensor
    sensors: Tensor
    cells: Tensor
    directions: Tensor
    whitening: Tensor
    analysis: AffineMap


class EnSF(FullSpaceFilter):
    """Full-space EnSF with the published score and schedule.

    ``Benchmark.corrected`` adds the increment of the fields to the solver's state; on a staggered
    grid it averages the increment of a velocity over neighbours.

    A noise level below the stability limit of the Euler loop (``smallest_stable_sigma``, 0.087
    of a standard deviation with 100 steps) is raised to that limit, direction by direction: the
    published scheme is unstable below it. This also affects sensors crowded into one cell, which
    together are more accurate than the limit.

    Args:
        benchmark: whose solver carries the members.
        device, dtype: of the ensemble.
        steps, epsilon: of the reverse SDE.

    Raises:
        ValueError: for ``steps`` and ``epsilon`` that ``smallest_stable_sigma`` refuses.
    """

    name = "ensf"
    title = "EnSF"
    sentence = "Corrects the fields where the sensors are, with the published score filter."
    corrects_parameters = False

    def __init__(
        self,
        benchmark: Benchmark,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        steps: Steps = 100,
        epsilon: Epsilon = 0.3,
    ) -> None:
        super().__init__(benchmark, device, dtype)
        self.steps, self.epsilon = steps, epsilon
        self.smallest_sigma = smallest_stable_sigma(self.steps, self.epsilon)
        self._unobserved = published_map(
            torch.full((1,), torch.inf, dtype=dtype, device=device), self.steps, self.epsilon
        )
        self._seen: tuple[tuple | None, list[ObservedSpace]] = None, []

    def reset(self, members: int, seed: int) -> None:
        """Draw ``members`` from the prior; the ensemble stands at snapshot 0.

        Raises:
            ValueError: if ``members`` is below 1.
        """
        super().reset(members, seed)
        self._generator = torch.Generator(self.device).manual_seed(seed)
        self._latest: list[ObservedSpace] | None = None
        self._recorded: Callable[..., Tensor] | None = None

    def correct(self, observation: Observation) -> None:
        """Correct the ensemble; missing values carry no information."""
        spaces = self._spaces(observation)
        values = observation.values.to(self.device, self.dtype)  # a state may be complex
        if self._latest is not spaces:
            # Sensors may change every time: record a graph only for those that come a second time.
            self._latest, self._recorded = spaces, None
            self.state = self._after(self.state, values)
            return
        if self._recorded is None:
            inputs = self.state, values
            self._recorded = captured(self._after, *inputs, generator=self._generator)
        self.state = self._recorded(self.state, values)

    def expect(self, observation: Observation) -> None:
        """Find the directions that the observation's sensors see."""
        if not observation.empty:
            self._spaces(observation)

    def _after(self, state: Tensor, values: Tensor) -> Tensor:
        """States after the analysis of values (n, V) at the latest sensors."""
        before = self.benchmark.normalise(self.benchmark.fields(state))
        return self._corrected(state, self._analysed(before, values, self._latest) - before)

    def analysed(self, ensemble: Tensor, observation: Observation) -> Tensor:
        """Analysis of normalised fields (M, V, ny, nx), drawn from the filter's generator."""
        values = observation.values.to(ensemble)
        return self._analysed(ensemble, values, self._spaces(observation))

    def _analysed(self, ensemble: Tensor, values: Tensor, spaces: list[ObservedSpace]) -> Tensor:
        y = (values - self.benchmark.mean(values)) / self.benchmark.std(values)
        prior = ensemble.flatten(2)
        noise = torch.randn(
            prior.shape, generator=self._generator, dtype=prior.dtype, device=prior.device
        )
        after = self._unobserved.b * prior + self._unobserved.s * noise
        for space in spaces:
            where = (slice(None), space.variables[:, None], space.cells)
            rule = space.analysis
            seen_y = y[space.sensors[:, None], space.variables].mT @ space.whitening
            after[where] += (
                (rule.b - self._unobserved.b) * (prior[where] @ space.directions)
                + rule.c * seen_y
                + (rule.s - self._unobserved.s) * (noise[where] @ space.directions)
            ) @ space.directions.mT
        return after.view_as(ensemble)

    def _spaces(self, observation: Observation) -> list[ObservedSpace]:
        """Directions that the sensors see; kept until positions, noise or gaps change."""
        if observation.layout != self._seen[0]:
            sigma = observation.std.cpu().double()
            sigma = sigma / self.benchmark.std(sigma)
            patterns, pattern_of = observation.present.cpu().unique(dim=1, return_inverse=True)
            spaces = [
                self._space(observation.sensors, pattern, (pattern_of == i).nonzero()[:, 0], sigma)
                for i, pattern in enumerate(patterns.mT)
                if pattern.any()
            ]
            self._seen = observation.layout, spaces
        return self._seen[1]

    def _space(
        self, network: SensorNetwork, present: Tensor, variables: Tensor, sigma: Tensor
    ) -> ObservedSpace:
        """Directions that the ``present`` sensors see; found in double precision on the CPU."""
        sensors = present.nonzero()[:, 0]
        points, weights = (part[sensors] for part in network.stencils())
        cells, column = points.unique(return_inverse=True)
        h = weights.new_zeros(len(sensors), len(cells)).scatter_add_(1, column, weights)
        eigenvalues, q = torch.linalg.eigh(h @ h.mT)
        kept = eigenvalues > NULL_EIGENVALUE * eigenvalues[-1]
        root = eigenvalues[kept].sqrt()
        whitening = q[:, kept] / root
        rule = published_map(
            (sigma[variables, None] / root).clamp(min=self.smallest_sigma), self.steps, self.epsilon
        )
        values = {"dtype": self.dtype, "device": self.device}
        return ObservedSpace(
            variables.to(self.device),
            sensors.to(self.device),
            cells.to(self.device),
            (h.mT @ whitening).to(**values),
            whitening.to(**values),
            AffineMap(rule.b.to(**values), rule.c.to(**values), rule.s.to(**values)),
        )
