"""Shallow water on the rotating sphere, by its vorticity ζ, divergence δ and surface height η.

    ∂ζ/∂t = −∇·((ζ + f) v) − κ∇⁴ζ
    ∂δ/∂t = k·∇×((ζ + f) v) − ∇²(|v|²/2 + g η) − κ∇⁴δ         f = 2Ω sin φ
    ∂η/∂t = −∇·((η − b) v) + F − κ∇⁴η

over ground of height b, with a source F. Time steps are those of the implicit-explicit
Runge-Kutta scheme (2,3,2) of Ascher, Ruuth and Spiteri (1997, Applied Numerical Mathematics
25): gravity waves and hyperdiffusion are implicit, so only the wind limits the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ldensf_core.domains.harmonics import Sphere

OMEGA = 7.292e-5  # Ω, s⁻¹
G = 9.80616  # m s⁻²
GAMMA = 1 - math.sqrt(0.5)
DELTA = -2 * math.sqrt(2) / 3


class ShallowWater(nn.Module):
    """One time step. Coefficients have shape (..., 3, L, M): ζ, δ, η.

    Args:
        time_step: in s.
        depth: mean depth H of the fluid, in m, about which gravity waves are implicit.
        hyperdiffusion: κ, in m⁴ s⁻¹.
        ground: b on the sphere's Gaussian grid, in m; flat by default.
    """

    def __init__(
        self,
        sphere: Sphere,
        time_step: float,
        depth: float,
        hyperdiffusion: float,
        ground: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.sphere, self.time_step, self.depth = sphere, time_step, depth
        self.register_buffer("coriolis", 2 * OMEGA * sphere.sin_latitude)
        flat = torch.zeros_like(sphere.sin_latitude)
        self.register_buffer("ground", flat if ground is None else ground)
        implicit = GAMMA * time_step
        damping = 1 + implicit * hyperdiffusion * sphere.laplacian**2
        pressure = -implicit * G * sphere.laplacian
        self.register_buffer("damping", damping)
        self.register_buffer("pressure", pressure)
        self.register_buffer("both", damping**2 + implicit * depth * pressure)

    def step(
        self, c: Tensor, source: Callable[[float], Tensor], risen: Tensor | float = 1.0
    ) -> Tensor:
        """Coefficients one time step later.

        Args:
            source: coefficients (..., L, M) of F, given the seconds since the start of the step.
            risen: share of the ground's full height, (..., 1, 1) or a number.
        """
        dt, implicit = self.time_step, GAMMA * self.time_step
        first = self.tendency(c, source(0.0), risen)
        known = c + implicit * first
        inner = self.solve(known)
        linear = (inner - known) / implicit
        second = self.tendency(inner, source(implicit), risen)
        known = c + dt * (DELTA * first + (1 - DELTA) * second + (1 - GAMMA) * linear)
        last = self.solve(known)
        second = second + linear
        third = self.tendency(last, source(dt), risen) + (last - known) / implicit
        return c + dt * ((1 - GAMMA) * second + GAMMA * third)

    def tendency(self, c: Tensor, source: Tensor, risen: Tensor | float = 1.0) -> Tensor:
        """The explicit terms: all but −g∇²η, −H δ and the hyperdiffusion."""
        sphere = self.sphere
        wind = torch.stack(sphere.wind(c[..., 0, :, :], c[..., 1, :, :]), dim=-3)
        scalars = nn.functional.pad(c[..., ::2, :, :], (0, 0, 0, 1))
        grids = sphere.to_grid(torch.cat([wind, scalars], dim=-3))
        u, v = (grids[..., :2, :, :] / sphere.cos_latitude).unbind(dim=-3)
        rotation = grids[..., 2, :, :] + self.coriolis
        layer = grids[..., 3, :, :] - self.depth - risen * self.ground
        carried = torch.stack([rotation, layer], dim=-3)
        curl, divergence = sphere.curl_and_divergence(
            carried * u[..., None, :, :], carried * v[..., None, :, :]
        )
        energy = sphere.laplacian * sphere.to_spectral(0.5 * (u**2 + v**2))
        return torch.stack(
            [
                -divergence[..., 0, :, :],
                curl[..., 0, :, :] - energy,
                source - divergence[..., 1, :, :],
            ],
            dim=-3,
        )

    def solve(self, known: Tensor) -> Tensor:
        """Solve c − γΔt L c = ``known`` for c, with L the implicit terms."""
        vorticity, divergence, height = known.unbind(dim=-3)
        mass = GAMMA * self.time_step * self.depth
        return torch.stack(
            [
                vorticity / self.damping,
                (self.damping * divergence + self.pressure * height) / self.both,
                (self.damping * height - mass * divergence) / self.both,
            ],
            dim=-3,
        )

    def balanced(self, vorticity: Tensor) -> Tensor:
        """Coefficients (..., 3, L, M) of a wind without divergence in nonlinear balance.

        With this height the tendency of divergence is zero; its mean is H.
        """
        still = torch.zeros_like(vorticity)
        flow = torch.stack([vorticity, still, still], dim=-3)
        height = self.sphere.inverse_laplacian * self.tendency(flow, still)[..., 1, :, :] / G
        height[..., 0, 0] = math.sqrt(4 * math.pi) * self.depth
        return torch.stack([vorticity, still, height], dim=-3)
