"""Full-space EnSF with increments interpolated between the sensors (inpainting).

The score filter corrects each observed value separately; no covariance carries the correction to
other points. For sparse sensors its authors fill in the unobserved values by image inpainting from
the corrected ones (Liang et al. 2025, arXiv 2501.12419). Here the increments of each member are
inpainted, not its values: with a hundred sensors, interpolated values would lose detail that the
forecast has (docs/decisions/0012).

The published map corrects every member's interpolated value at a sensor, with the noise of that
sensor. The increments are interpolated with the kernel −r of the distance r and a constant; for
sensors on a line this is piecewise linear. Any number and layout of sensors is allowed; a
periodic axis is embedded as a circle, the globe as a sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator
from torch import Tensor

from ldensf_core.analyses.score import AffineMap, published_map
from ldensf_core.benchmarks import Benchmark
from ldensf_core.filters.ensf import EnSF, Epsilon, Steps
from ldensf_core.observations import SensorNetwork

SMOOTHING = 1e-6
"""Regularises the interpolation, as a share of the domain's width: sensors may coincide."""


@dataclass(frozen=True, eq=False)
class Inpainting:
    """Variables that the same sensors report, and how they correct the grid.

    Attributes:
        variables: their indices, (v,).
        sensors: indices in the observation, (n,).
        points, weights: stencils of the sensors, (n, 4).
        analysis: the map of each variable's value at a sensor, (v, 1).
        spreading: from increments at the sensors to all grid points, (n, ny nx).
    """

    variables: Tensor
    sensors: Tensor
    points: Tensor
    weights: Tensor
    analysis: AffineMap
    spreading: Tensor


class InpaintingEnSF(EnSF):
    """EnSF at the sensors, with inpainted increments. Arguments and errors: see ``EnSF``."""

    name = "ensf-inpainting"
    title = "EnSF inpainting"
    sentence = "Corrects the fields at the sensors as EnSF does, and interpolates in between."

    def __init__(
        self,
        benchmark: Benchmark,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        steps: Steps = 200,
        epsilon: Epsilon = 0.3,
    ) -> None:
        super().__init__(benchmark, device, dtype, steps, epsilon)

    def _analysed(self, ensemble: Tensor, values: Tensor, spaces: list[Inpainting]) -> Tensor:
        y = (values - self.benchmark.mean(values)) / self.benchmark.std(values)
        after = ensemble.flatten(2).clone()
        for space in spaces:
            cells = after[:, space.variables[:, None, None], space.points]  # (M, v, n, 4)
            prior = (cells * space.weights).sum(dim=-1)
            noise = torch.randn(
                prior.shape, generator=self._generator, dtype=prior.dtype, device=prior.device
            )
            seen_y = y[space.sensors[:, None], space.variables].mT
            rule = space.analysis
            increments = (rule.b - 1) * prior + rule.c * seen_y + rule.s * noise
            painted = self._painted(after[:, space.variables], prior, increments, space)
            after[:, space.variables] = painted
        return after.view_as(ensemble)

    def _painted(
        self, fields: Tensor, prior: Tensor, increments: Tensor, space: Inpainting
    ) -> Tensor:
        """Fields (M, v, ny nx) after inpainting the increments at the sensors (M, v, n)."""
        return fields + increments @ space.spreading

    def _space(
        self, network: SensorNetwork, present: Tensor, variables: Tensor, sigma: Tensor
    ) -> Inpainting:
        sensors = present.nonzero()[:, 0]
        points, weights = (part[sensors] for part in network.stencils())
        spreading = interpolation(self.benchmark, network.positions[sensors.numpy()])
        rule = published_map(
            sigma[variables, None].clamp(min=self.smallest_sigma), self.steps, self.epsilon
        )
        values = {"dtype": self.dtype, "device": self.device}
        return Inpainting(
            variables.to(self.device),
            sensors.to(self.device),
            points.to(self.device),
            weights.to(**values),
            AffineMap(rule.b.to(**values), rule.c.to(**values), rule.s.to(**values)),
            spreading.to(**values),
        )


def interpolation(benchmark: Benchmark, positions: np.ndarray) -> Tensor:
    """Matrix (n, ny nx) that interpolates values at positions (n, 2) to all grid points."""
    x, y = np.meshgrid(benchmark.x.points, benchmark.y.points)
    grid = benchmark.domain.embedded(np.stack([x.ravel(), y.ravel()], axis=1))
    width = np.ptp(grid, axis=0).max()
    interpolate = RBFInterpolator(
        benchmark.domain.embedded(positions) / width,
        np.eye(len(positions)),
        kernel="linear",
        smoothing=SMOOTHING,
    )
    return torch.as_tensor(interpolate(grid / width).T.copy())
