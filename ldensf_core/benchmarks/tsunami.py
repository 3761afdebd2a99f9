"""A tsunami in a closed basin: shallow water on a beta-plane.

    ∂u/∂t =  f v − g ∂η/∂x − r u
    ∂v/∂t = −f u − g ∂η/∂y − r v      f = f₀ + β y
    ∂η/∂t = −∂[(H+η)u]/∂x − ∂[(H+η)v]/∂y

in a square of 1000 km with closed walls. It starts from rest with a Gaussian bump of 1 m; the
centre of the bump is unknown. There is no bottom drag, r = 0, except as a model error. The grid is
staggered (Arakawa C: u on east faces, v on north faces, η in cell centres). A face takes its height
from the upwind cell. Time steps are forward-backward (Sielecki 1968, Monthly Weather Review 96): u
from the old η and v, v from the old η and the new u, η from the new velocities. Fields are given in
cell centres.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks.base import Benchmark
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.model_errors import ModelError, altered
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.benchmarks.tuned import TUNED
from ldensf_core.domains import Axis, Box
from ldensf_core.domains.bases import WallBasis

G = 9.81  # gravity, m s⁻²
F0 = 1e-4  # Coriolis parameter at the southern wall, s⁻¹
BETA = 2e-11  # its northward gradient, m⁻¹ s⁻¹
COURANT = 0.1
BUMP_WIDTH = 50e3  # standard deviation of the initial bump, m
BASIN = (0.0, 1000.0)  # along x and y, km
SECOND_SOURCE = (750.0, 750.0)  # of the model error "two-sources", km
DRAG = 1e-5  # of the model error "bottom-drag", s⁻¹
STEPS_PER_SNAPSHOT = 40
SNAPSHOTS = 51


class Tsunami(Benchmark):
    """Shallow water in a 1000 km box; the place where the tsunami started is unknown.

    Args:
        n: cells along each side.
        depth: H, in m.
        height: height of the initial bump, in m.

    Attributes:
        second_height: of another bump, at ``SECOND_SOURCE``, in m.
        drag: r, in s⁻¹.
    """

    name = "tsunami"
    title = "Tsunami in a closed basin"
    variables = (
        Variable(
            "u",
            "eastward velocity",
            "m/s",
            mean=0.00093,
            std=0.01392,
            standard_name="barotropic_eastward_sea_water_velocity",
        ),
        Variable(
            "v",
            "northward velocity",
            "m/s",
            mean=0.00095,
            std=0.01327,
            standard_name="barotropic_northward_sea_water_velocity",
        ),
        Variable(
            "eta",
            "surface elevation",
            "m",
            mean=0.01444,
            std=0.05798,
            standard_name="sea_surface_height_above_mean_sea_level",
            symbol="η",
        ),
    )
    parameters = (
        Parameter("source_x", "eastward position of the source", "km", 0.0, 500.0, BASIN),
        Parameter("source_y", "northward position of the source", "km", 0.0, 500.0, BASIN),
    )
    time_units = "h"
    tuning = TUNED[name]
    # The time step stays, so that the snapshots do: waves go 0.105 of a cell in it, not 0.1.
    model_errors: ClassVar = {
        "deeper-water": ModelError(
            "deeper water (+10 %)",
            "The water is 10 % deeper than filters know: waves are 5 % faster.",
            lambda known: altered(known, depth=1.1 * known.depth),
        ),
        "shallower-water": ModelError(
            "shallower water (−10 %)",
            "The water is 10 % shallower than filters know: waves are 5 % slower.",
            lambda known: altered(known, depth=0.9 * known.depth),
        ),
        "two-sources": ModelError(
            "two sources",
            "A second bump, half as high, starts at the same time 750 km east and 750 km north.",
            lambda known: altered(known, second_height=0.5 * known.height),
        ),
        "bottom-drag": ModelError(
            "bottom drag",
            "Drag at the bottom takes a third of the waves' energy in twelve hours.",
            lambda known: altered(known, drag=DRAG),
        ),
    }
    story = "the whole field, and where the wave came from"
    shown_first = "eta"
    side = 1e6  # m
    second_height = 0.0
    drag = 0.0

    def __init__(self, n: int = 150, depth: float = 100.0, height: float = 1.0) -> None:
        self.depth, self.height = depth, height
        self.spacing = self.side / n  # m
        self.time_step = COURANT * self.spacing / np.sqrt(G * depth)  # s
        centres = (np.arange(n) + 0.5) * self.spacing / 1e3
        self.domain = Box(
            Axis("x", "distance east", "km", centres, 0.0, self.side / 1e3),
            Axis("y", "distance north", "km", centres, 0.0, self.side / 1e3),
        )
        self.times = np.arange(SNAPSHOTS) * STEPS_PER_SNAPSHOT * self.time_step / 3600.0

    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """Water at rest under a Gaussian bump: (B, 2) in km → (B, 3, n, n)."""
        eta = self._bump(self.height, parameters)
        if self.second_height:
            eta += self._bump(self.second_height, parameters.new_tensor([SECOND_SOURCE]))
        yield torch.stack([torch.zeros_like(eta), torch.zeros_like(eta), eta], dim=1)

    def _bump(self, height: float, places: Tensor) -> Tensor:
        """Elevation of a Gaussian bump at each of ``places`` (B, 2), in km: (B, n, n)."""
        x = torch.as_tensor(self.x.points, dtype=places.dtype, device=places.device)
        scaled = (x - places[..., None]) / (BUMP_WIDTH / 1e3)  # (B, 2, n)
        bump = torch.exp(-0.5 * scaled**2)
        return height * bump[:, 1, :, None] * bump[:, 0, None, :]

    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """Forty steps of the scheme. State (B, 3, n, n): u on east faces, v on north faces, η.

        The last column of u and the last row of v lie on walls and stay zero.
        """
        u, v, eta = state.clone().unbind(dim=1)
        dt, n = self.time_step, eta.shape[-1]
        pressure = G * dt / self.spacing
        per_width = dt / self.spacing
        rows = torch.arange(n, dtype=torch.float64, device=state.device)[:, None] * self.spacing
        coriolis_u = (0.25 * dt * (F0 + BETA * (rows + self.spacing / 2))).to(state.dtype)
        coriolis_v = (0.25 * dt * (F0 + BETA * (rows + self.spacing))).to(state.dtype)[:-1]
        # v has a row of zeros below (the southern wall), u a column of zeros before (the western
        # wall): every face then has four neighbours of the other velocity.
        u_wall = torch.nn.functional.pad(u, (1, 0))
        v_wall = torch.nn.functional.pad(v, (0, 0, 1, 0))
        flux_x, flux_y = torch.zeros_like(u_wall), torch.zeros_like(v_wall)
        u, v = u_wall[..., 1:], v_wall[..., 1:, :]
        for _ in range(STEPS_PER_SNAPSHOT):
            pairs = v_wall[..., 1:, :] + v_wall[..., :-1, :]
            u[..., :-1] += coriolis_u * (pairs[..., :-1] + pairs[..., 1:])
            u[..., :-1] -= pressure * (eta[..., 1:] - eta[..., :-1])
            pairs = u_wall[..., 1:] + u_wall[..., :-1]
            v[..., :-1, :] -= coriolis_v * (pairs[..., :-1, :] + pairs[..., 1:, :])
            v[..., :-1, :] -= pressure * (eta[..., 1:, :] - eta[..., :-1, :])
            if self.drag:
                u *= 1 - dt * self.drag
                v *= 1 - dt * self.drag
            uf, vf = u[..., :-1], v[..., :-1, :]
            upwind = torch.where(uf > 0, eta[..., :-1], eta[..., 1:])
            torch.mul(uf, upwind.add_(self.depth), out=flux_x[..., 1:-1])
            upwind = torch.where(vf > 0, eta[..., :-1, :], eta[..., 1:, :])
            torch.mul(vf, upwind.add_(self.depth), out=flux_y[..., 1:-1, :])
            eta -= per_width * (
                flux_x[..., 1:] - flux_x[..., :-1] + flux_y[..., 1:, :] - flux_y[..., :-1, :]
            )
        return torch.stack([u, v, eta], dim=1)

    def fields(self, state: Tensor) -> Tensor:
        """u, v and η in cell centres: velocities are averaged over the two faces of a cell."""
        u, v, eta = state.unbind(dim=-3)
        u = 0.5 * (u + torch.nn.functional.pad(u, (1, 0))[..., :-1])
        v = 0.5 * (v + torch.nn.functional.pad(v, (0, 0, 1, 0))[..., :-1, :])
        return torch.stack([u, v, eta], dim=-3)

    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """Add an increment in cell centres; a face takes the mean of its two cells."""
        faces = increment.clone()
        faces[..., 0, :, :-1] = 0.5 * (increment[..., 0, :, :-1] + increment[..., 0, :, 1:])
        faces[..., 1, :-1, :] = 0.5 * (increment[..., 1, :-1, :] + increment[..., 1, 1:, :])
        faces[..., 0, :, -1] = 0.0
        faces[..., 1, -1, :] = 0.0
        return state + faces

    def basis(self, count: int) -> WallBasis:
        """A basis with u = 0 on western and eastern walls, v = 0 on southern and northern ones."""
        return WallBasis(self.x, self.y, ("cs", "sc", "cc"), self.at_rest(), count)
