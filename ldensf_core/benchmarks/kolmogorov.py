"""Kolmogorov flow: a fluid stirred by a steady sinusoidal force, with an unknown viscosity.

    ∂ω/∂t + u ∂ω/∂x + v ∂ω/∂y = ν ∇²ω − α ω − 4 cos 4y        ω = ∂v/∂x − ∂u/∂y
    ∂u/∂x + ∂v/∂y = 0                                          ν = 1/Re,  α = 0.1

These are the incompressible Navier-Stokes equations on a doubly periodic square of side 2π
under the force (sin 4y, 0), with drag, as set up by Kochkov et al. (2021, PNAS 118); all
quantities are nondimensional. As published for the benchmark, every trajectory starts from the
same turbulent field: one draw of a random solenoidal velocity with its energy around wavenumber
4. It runs for 4 time units before its first snapshot. Only the Reynolds number differs.

The method is pseudo-spectral. The flow is free of divergence, so advection needs only two
products (Basdevant 1983, Journal of Computational Physics 50),

    −(u ∂ω/∂x + v ∂ω/∂y) = (∂²/∂y² − ∂²/∂x²) uv + ∂²/∂x∂y (u² − v²),

thus four transforms. Wavenumbers of a third of the grid and above are cut off, so that the
products have no aliasing. Time steps are fourth-order Runge-Kutta.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks.base import Benchmark
from ldensf_core.benchmarks.labels import Variable
from ldensf_core.benchmarks.model_errors import ModelError, altered
from ldensf_core.benchmarks.prior import Parameter
from ldensf_core.benchmarks.tuned import TUNED
from ldensf_core.device import kept, wait
from ldensf_core.domains import Axis, Box
from ldensf_core.domains.bases import SolenoidalBasis

WAVENUMBER = 4  # of the force, and where the energy of the initial field peaks
SPEED = 0.75  # root mean square of the initial field
SEED = 0  # of the initial field
OTHER_SEED = 1  # of the model error "other-start"
LEAST_REYNOLDS = 10.0  # below, explicit viscosity is unstable on the grid of 150
INTERVAL = 0.2  # between snapshots
STEPS_PER_SNAPSHOT = 40
SPIN_UP = 20  # intervals before the first snapshot
SNAPSHOTS = 40


class Kolmogorov(Benchmark):
    """Two-dimensional turbulence in a periodic box; the Reynolds number is unknown.

    Args:
        n: grid points along each side.
        drag: α.
        forcing: amplitude of the force.

    Attributes:
        start_seed: of the initial field.
    """

    name = "kolmogorov"
    title = "Kolmogorov flow"
    variables = (
        Variable("u", "velocity along x", "1", mean=0.0, std=1.150),
        Variable("v", "velocity along y", "1", mean=0.0, std=1.114),
    )
    parameters = (
        Parameter(
            "reynolds", "Reynolds number", "1", 500.0, 1500.0, runs=(LEAST_REYNOLDS, math.inf)
        ),
    )
    time_units = "1"
    side = 2 * np.pi
    spin_up_states = SPIN_UP
    tuning = TUNED[name]
    model_errors: ClassVar = {
        "stronger-drag": ModelError(
            "stronger drag (+20 %)",
            "Drag is 20 % stronger than filters know, 0.12 instead of 0.1.",
            lambda known: altered(known, drag=1.2 * known.drag),
        ),
        "stronger-forcing": ModelError(
            "stronger forcing (+5 %)",
            "The force is 5 % stronger than filters know.",
            lambda known: altered(known, forcing=1.05 * known.forcing),
        ),
        "other-start": ModelError(
            "another initial field",
            "The flow starts from another turbulent field, of the same energy.",
            lambda known: altered(known, start_seed=OTHER_SEED),
        ),
    }
    story = "the whole turbulent field, and its Reynolds number"
    spinning_up = "the Kolmogorov flow"
    start_seed = SEED

    def __init__(self, n: int = 150, drag: float = 0.1, forcing: float = 1.0) -> None:
        self.n, self.drag, self.forcing = n, drag, forcing
        self.time_step = INTERVAL / STEPS_PER_SNAPSHOT
        centres = (np.arange(n) + 0.5) * self.side / n
        self.domain = Box(
            *(Axis(name, name, "1", centres, 0.0, self.side, periodic=True) for name in "xy")
        )
        self.times = (SPIN_UP + np.arange(SNAPSHOTS)) * INTERVAL

    def spin_up(self, parameters: Tensor) -> Iterator[Tensor]:
        """Run the common initial field for 4 time units: Reynolds numbers (B, 1) → ω (B, n, n)."""
        start = initial_vorticity(self.x.points, self.y.points, self.start_seed)
        state = torch.as_tensor(start, dtype=parameters.dtype, device=parameters.device)
        state = state.expand(len(parameters), -1, -1)
        advance = kept(self.advance, state, parameters)
        for _ in range(SPIN_UP):
            state = advance(state, parameters)
            yield state

    def advance(self, state: Tensor, parameters: Tensor) -> Tensor:
        """Forty steps of the scheme. State (B, n, n): the vorticity on the grid."""
        operators = spectral_operators(self.n, state.dtype, state.device)
        force = self.forcing * operators.force
        # Not stiff, ν k² Δt < 0.05 on the grid of 150, so viscosity is explicit.
        damping = -(operators.squares / parameters[..., None] + self.drag)

        def tendency(vorticity: Tensor) -> Tensor:
            u, v = to_grid(operators.velocity * vorticity[:, None], self.n).unbind(dim=1)
            products = to_spectrum(torch.stack([u * v, (u + v) * (u - v)], dim=1))
            result = torch.addcmul(force, damping, vorticity)
            result.addcmul_(operators.advection[0], products[:, 0])
            return result.addcmul_(operators.advection[1], products[:, 1])

        dt = self.time_step
        vorticity = to_spectrum(state)
        for _ in range(STEPS_PER_SNAPSHOT):
            k1 = tendency(vorticity)
            k2 = tendency(vorticity.add(k1, alpha=dt / 2))
            k3 = tendency(vorticity.add(k2, alpha=dt / 2))
            k4 = tendency(vorticity.add(k3, alpha=dt))
            vorticity = vorticity.add(k1.add_(k4).add_(k2.add_(k3), alpha=2), alpha=dt / 6)
        return to_grid(vorticity, self.n)

    def fields(self, state: Tensor) -> Tensor:
        """The velocity (B, 2, n, n) of a vorticity, without a mean flow."""
        operators = spectral_operators(self.n, state.dtype, state.device)
        return to_grid(operators.velocity * to_spectrum(state)[:, None], self.n)

    def corrected(self, state: Tensor, increment: Tensor) -> Tensor:
        """Add the vorticity of an increment of the velocity.

        States have no divergence, mean flow or cut-off wavenumbers: these parts are dropped.
        """
        operators = spectral_operators(self.n, state.dtype, state.device)
        return state + to_grid((operators.curl * to_spectrum(increment)).sum(dim=1), self.n)

    def basis(self, count: int) -> SolenoidalBasis:
        """Basis of flows without divergence."""
        rest = self.at_rest()
        return SolenoidalBasis(self.x, self.y, self.std(rest), rest, count)


class Operators(NamedTuple):
    """Complex factors of Fourier coefficients, zero at cut-off wavenumbers.

    Attributes:
        squares: k², the negative Laplacian, (n, m).
        velocity: vorticity → (u, v), (2, n, m).
        curl: (u, v) → the two terms of the vorticity, (2, n, m).
        advection: uv, u² − v² → the two terms of −(u ∂ω/∂x + v ∂ω/∂y), (2, n, m).
        force: coefficients of the curl of (sin 4y, 0), (n, m).
    """

    squares: Tensor
    velocity: Tensor
    curl: Tensor
    advection: Tensor
    force: Tensor


def to_spectrum(grid: Tensor) -> Tensor:
    """Values (..., n, n) → Fourier coefficients (..., n, m), only x-wavenumbers below n/3."""
    waves = (grid.shape[-1] - 1) // 3 + 1
    return torch.fft.fft(torch.fft.rfft(grid)[..., :waves], dim=-2)


def to_grid(spectrum: Tensor, n: int) -> Tensor:
    """The inverse of ``to_spectrum``."""
    return torch.fft.irfft(torch.fft.ifft(spectrum, dim=-2), n=n)


_OPERATORS: dict[tuple[int, torch.dtype, torch.device], Operators] = {}
"""Never freed: recorded graphs read them."""


def spectral_operators(n: int, dtype: torch.dtype, device: torch.device) -> Operators:
    """Operators on a grid of n × n, made once: a CUDA graph cannot record copies from the host."""
    key = n, dtype, device
    if key not in _OPERATORS:
        _OPERATORS.setdefault(key, _operators(*key))
    return _OPERATORS[key]


def _operators(n: int, dtype: torch.dtype, device: torch.device) -> Operators:
    limit = (n - 1) // 3
    kx = np.arange(limit + 1.0)
    ky = np.fft.fftfreq(n, 1 / n)[:, None]
    within = np.abs(ky) <= limit
    squares = kx**2 + ky**2
    inverse = within / np.where(squares == 0, np.inf, squares)
    curl = 1j * within * np.stack(np.broadcast_arrays(-ky, kx))
    y = (np.arange(n) + 0.5) * Kolmogorov.side / n
    force = np.zeros((n, limit + 1), dtype=complex)
    force[:, 0] = np.fft.fft(-WAVENUMBER * np.cos(WAVENUMBER * y)) * n
    advection = within * np.stack([kx**2 - ky**2, -kx * ky])
    parts = squares * within, -curl * inverse, curl, advection, force
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    operators = Operators(*(torch.as_tensor(p, dtype=complex_dtype, device=device) for p in parts))
    wait(device)  # threads in other streams use them too
    return operators


def initial_vorticity(x: np.ndarray, y: np.ndarray, seed: int = SEED) -> np.ndarray:
    """The initial field, (len(y), len(x)): the same function of x and y on every grid.

    Fourier coefficients are random, normal; the energy spectrum is k⁴ exp(−2 (k/4)²), up to k = 12
    along each axis.
    """
    k = np.arange(-3.0 * WAVENUMBER, 3 * WAVENUMBER + 1)
    length = np.hypot(k, k[:, None])
    real, imaginary = np.random.default_rng(seed).standard_normal((2, len(k), len(k)))
    modes = (real + 1j * imaginary) * length**2.5 * np.exp(-((length / WAVENUMBER) ** 2))
    modes += modes[::-1, ::-1].conj()  # a real field
    speed = np.linalg.norm(modes / np.where(length == 0, np.inf, length))
    return (np.exp(1j * np.outer(y, k)) @ modes @ np.exp(1j * np.outer(k, x))).real * SPEED / speed
