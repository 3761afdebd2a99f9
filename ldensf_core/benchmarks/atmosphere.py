"""An atmosphere of one layer, heated by day and season.

Shallow water on the rotating sphere (``shallow_water``) over mountains. A mass forcing follows
the sun, which circles once a day and moves between the tropics once a (short) year:

    F = A (cos(λ − λₛ(t)) + μ) exp(−((φ − φₛ(t)) / w)²) − global mean

Amplitude A and width w are unknown. μ = 0.05 is the daily mean of the forcing: mass is gained
where the sun stands and lost evenly everywhere, and this drives the jets.

All trajectories start from the same balanced jets, one in each hemisphere, with the same random
disturbance. In the first five days the mountains grow to their full height. Snapshots begin
after a burn-in of 252 h.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ldensf_core.benchmarks.base import Benchmark
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.model_errors import ModelError, altered
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.benchmarks.shallow_water import ShallowWater
from ldensf_core.benchmarks.tuned import TUNED
from ldensf_core.device import kept, wait
from ldensf_core.domains import Axis, Globe
from ldensf_core.domains.bases import SphereBasis
from ldensf_core.domains.globe import RADIUS
from ldensf_core.domains.harmonics import Sphere, even_latitudes, gaussian_latitudes

DEPTH = 5960.0  # mean height of the surface, m
HOUR, DAY = 3600.0, 86400.0
YEAR = 42 * DAY  # a short one, so that the season changes within a run
DAILY_MEAN = 0.05  # of the forcing at a point, over its amplitude
DECLINATION = math.radians(23.4)
BURN_IN, INTERVAL, SNAPSHOTS = 252, 8, 63  # hours, hours, number
RISE = 120.0  # h in which the mountains grow: sudden ones would excite gravity waves
JET_SPEED, JET_LATITUDE, JET_WIDTH = 80.0, 45.0, 8.0  # m/s, degrees, degrees
DISTURBANCE = 1.5e-5  # standard deviation of the initial disturbance's vorticity, s⁻¹
LARGEST_DEGREE = 12  # of the disturbance
MOUNTAINS = (  # longitude, latitude and width in degrees, height in m
    (90.0, 32.0, 15.0, 2000.0),
    (250.0, 42.0, 12.0, 1500.0),
    (290.0, -25.0, 12.0, 1500.0),
    (25.0, -5.0, 15.0, 800.0),
    (70.0, 72.0, 10.0, 1200.0),
)


class Atmosphere(Benchmark):
    """Shallow water on the sphere; amplitude and width of the daily forcing are unknown.

    Args:
        truncation: largest degree of the spherical harmonics.
        steps: time steps from snapshot to snapshot, an even number.
        hyperdiffusion: κ, in m⁴ s⁻¹.

    Attributes:
        mountain_height: of all mountains, over that in ``MOUNTAINS``.

    Raises:
        ValueError: if the truncation is below 12, the largest degree of the disturbance, or
            the burn-in is not a whole number of steps.
    """

    name = "atmosphere"
    title = "Atmosphere of one layer"
    variables = (
        Variable(
            "h",
            "height of the surface",
            "m",
            mean=5960.0,
            std=637.4,
            standard_name="geopotential_height",
        ),
        Variable("u", "eastward wind", "m/s", mean=10.4, std=26.08, standard_name="eastward_wind"),
        Variable("v", "northward wind", "m/s", mean=0.0, std=12.62, standard_name="northward_wind"),
    )
    parameters = (
        Parameter("amplitude", "amplitude of the daily forcing", "m/h", 0.1, 30.0),
        Parameter("width", "width of the heated belt", "10°", 1.0, 4.0),
    )
    time_units = "h"
    times = BURN_IN + INTERVAL * np.arange(float(SNAPSHOTS))
    sensor_grid = (32, 16)
    tuning = TUNED[name]
    model_errors: ClassVar = {
        "higher-mountains": ModelError(
            "higher mountains (+20 %)",
            "All mountains are 20 % higher than filters know.",
            lambda known: altered(known, mountain_height=1.2 * known.mountain_height),
        ),
        "more-diffusion": ModelError(
            "more diffusion (doubled)",
            "Small eddies are damped twice as fast as filters know.",
            lambda known: altered(known, hyperdiffusion=2 * known.hyperdiffusion),
        ),
    }
    story = "wind and height around the globe, and the heating that drives them"
    shown_first = "h"
    spinning_up = "the atmosphere"
    mountain_height = 1.0

    def __init__(
        self, truncation: int = 63, steps: int = 20, hyperdiffusion: float = 4.7e15
    ) -> None:
        if truncation < LARGEST_DEGREE:
            raise ValueError(f"truncation = {truncation}: at least {LARGEST_DEGREE} is needed")
        if steps < 2 or steps % 2:
            raise ValueError(f"steps = {steps}: an even number of at least 2 is needed")
        self.truncation, self.steps, self.hyperdiffusion = truncation, steps, hyperdiffusion
        self.spin_up_states = BURN_IN * steps // INTERVAL
        longitudes = (np.arange(512) + 0.5) / 512 * 360
        latitudes = (np.arange(256) + 0.5) / 256 * 180 - 90
        self.domain = Globe(
            Axis("x", "longitude", "°E", longitudes, 0.0, 360.0, periodic=True),
            Axis("y", "latitude", "°N", latitudes, -90.0, 90.0),
        )
        self._flows: dict[tuple[torch.dtype, torch.device], Flow] = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_flows": {}}  # a copy makes them again, in a second

    def flow(self, like: Tensor) -> Flow:
        """The solver with the dtype and device of ``like``."""
        dtype, device = like.real.dtype, like.device
        if (dtype, device) not in self._flows:
            flow = Flow(self).to(device, dtype)
            wait(device)  # threads in other streams use it too
            self._flows.setdefault((dtype, device), flow)  # graphs refer to the first
        return self._flows[dtype, device]

    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """Burn-in, step by step. States (B, 1 + 3 L M), complex: number of steps, then ζ, δ, η."""
        flow = self.flow(parameters)
        state = torch.view_as_complex(flow.jets).expand(len(parameters), -1).clone()
        step = kept(flow.step, state, parameters)
        for _ in range(self.spin_up_states):
            state = step(state, parameters)
            yield state

    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """The state eight hours later."""
        flow = self.flow(parameters)
        for _ in range(self.steps):
            state = flow.step(state, parameters)
        return state

    def fields(self, state: Tensor) -> Tensor:
        """h, u and v on the grid of longitudes and latitudes."""
        return self.flow(state).fields(state)

    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """Add the part of an increment that the truncation resolves."""
        return state + self.flow(state).packed(increment)

    def relief(self) -> np.ndarray:
        """Height of the mountains, (ny, nx), in m."""
        longitude, latitude = (torch.deg2rad(torch.as_tensor(a.points)) for a in (self.x, self.y))
        return self.mountain_height * _mountains(longitude, latitude[:, None]).numpy()

    def basis(self, count: int) -> SphereBasis:
        """A basis of departures: of heights from their mean, of winds from rest."""
        rest = self.at_rest() * torch.tensor([0, 1, 1])
        return SphereBasis(self.x, self.y, self.std(rest), rest, count)


class Flow(nn.Module):
    """The benchmark's solver, with tables of one dtype on one device."""

    def __init__(self, benchmark: Atmosphere) -> None:
        super().__init__()
        truncation = benchmark.truncation
        self.shape = (3, truncation + 1, truncation + 1)
        self.time_step = INTERVAL / benchmark.steps  # h
        latitudes = gaussian_latitudes(truncation)
        sphere = Sphere(truncation, RADIUS, latitudes, 2 * len(latitudes[0]))
        ny, nx = benchmark.grid_shape
        self.grid = Sphere(truncation, RADIUS, even_latitudes(ny), nx, math.pi / nx)
        self.register_buffer("latitude", torch.asin(latitudes[0]))
        ground = _mountains(sphere.longitude, self.latitude[:, None])
        ground *= benchmark.mountain_height
        self.water = ShallowWater(
            sphere, self.time_step * HOUR, DEPTH, benchmark.hyperdiffusion, ground
        )
        jets = self.water.balanced(_jets(sphere) + _disturbance(truncation))
        # Stored as real numbers: changing a module's dtype would drop imaginary parts.
        self.register_buffer(
            "jets", torch.view_as_real(_pack(jets.real.new_zeros(1, 1), jets[None]))
        )

    def step(self, state: Tensor, parameters: Tensor) -> Tensor:
        """One time step of packed states (B, 1 + 3 L M)."""
        steps = state[:, :1].real  # a count, because summed times gather rounding errors
        time = steps * self.time_step
        c = self.water.step(
            self.coefficients(state),
            lambda after: self.forcing(time + after / HOUR, parameters),
            torch.sin((time / RISE).clamp(max=1) * (math.pi / 2))[..., None] ** 2,
        )
        return _pack(steps + 1, c)

    def coefficients(self, state: Tensor) -> Tensor:
        """ζ, δ, η of packed states, (B, 3, L, M)."""
        return state[:, 1:].unflatten(1, self.shape)

    def fields(self, state: Tensor) -> Tensor:
        """h, u and v of packed states, on the benchmark's grid."""
        vorticity, divergence, height = self.coefficients(state).unbind(dim=1)
        height = nn.functional.pad(height, (0, 0, 0, 1))
        wind = self.grid.wind(vorticity, divergence)
        grids = self.grid.to_grid(torch.stack([height, *wind], dim=1))
        grids[:, 1:] /= self.grid.cos_latitude
        return grids

    def packed(self, fields: Tensor) -> Tensor:
        """Packed coefficients of h, u and v (B, 3, ny, nx), with step count 0."""
        wind = self.grid.curl_and_divergence(fields[:, 1], fields[:, 2])
        height = self.grid.to_spectral(fields[:, 0])
        return _pack(fields.new_zeros(len(fields), 1), torch.stack([*wind, height], dim=1))

    def forcing(self, time: Tensor, parameters: Tensor) -> Tensor:
        """Coefficients (B, L, M) of F in m/s at ``time`` (B, 1), in h."""
        amplitude, width = parameters[:, :1], parameters[:, 1:] * math.radians(10)
        angle = time * (2 * math.pi * HOUR / DAY)
        sun = DECLINATION * torch.sin(time * (2 * math.pi * HOUR / YEAR))
        profile = amplitude / HOUR * torch.exp(-(((self.latitude - sun) / width) ** 2))
        day = torch.complex(torch.cos(angle), torch.sin(angle))  # the sun goes westward
        mean = profile.to(day.dtype) * DAILY_MEAN
        return self.water.sphere.waves(torch.stack([mean, profile * day], dim=-1))


def _pack(steps: Tensor, coefficients: Tensor) -> Tensor:
    return torch.cat([steps.to(coefficients.dtype), coefficients.flatten(1)], dim=1)


def _mountains(longitude: Tensor, latitude: Tensor) -> Tensor:
    """Height of the ground, (latitudes, longitudes), in m."""
    ground = torch.zeros(len(latitude), len(longitude), dtype=torch.float64)
    for east, north, width, height in MOUNTAINS:
        east, north, width = (math.radians(angle) for angle in (east, north, width))
        cosine = math.sin(north) * torch.sin(latitude) + math.cos(north) * torch.cos(
            latitude
        ) * torch.cos(longitude - east)
        ground += height * torch.exp((cosine - 1) / width**2)
    return ground


def _jets(sphere: Sphere) -> Tensor:
    """Vorticity of a Gaussian jet in the middle latitudes of each hemisphere."""
    latitude = torch.rad2deg(torch.asin(sphere.sin_latitude).abs())
    u = JET_SPEED * torch.exp(-(((latitude - JET_LATITUDE) / JET_WIDTH) ** 2))
    u = u.expand(-1, sphere.n_lon)
    return sphere.curl_and_divergence(u, torch.zeros_like(u))[0]


def _disturbance(truncation: int) -> Tensor:
    """Vorticity of random waves of degrees 4 to 12; the same for every truncation."""
    generator = torch.Generator().manual_seed(0)
    waves = torch.zeros(truncation + 1, truncation + 1, dtype=torch.complex128)
    for degree in range(4, LARGEST_DEGREE + 1):
        draws = torch.randn(degree, dtype=torch.complex128, generator=generator)
        waves[degree, 1 : degree + 1] = draws
    # Every order above zero counts twice: for itself and its conjugate.
    return waves * DISTURBANCE / (2 * waves.abs().square().sum() / (4 * math.pi)).sqrt()
