"""Plane waves of incompressible flow in a periodic box."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.bases.base import Basis, Group


class SolenoidalBasis(Basis):
    """Velocities (u, v) = (∂ψ/∂y, −∂ψ/∂x), each from one Fourier mode of the stream function ψ.

    One coefficient thus describes both variables, and decoded fields have no divergence. The
    smallest wave vectors are kept, each with a cosine and a sine. Both variables have mean zero
    over the box.

    Args:
        x, y: periodic, of equal length.
        std: (2,), units of u and v.
        rest: (2,), normalised.
        count: number of coefficients, even.
    """

    def __init__(self, x: Axis, y: Axis, std: Tensor, rest: Tensor, count: int) -> None:
        super().__init__()
        self.axes, self.shape = (x, y), (len(y.points), len(x.points))
        self.count = count - count % 2
        self.groups = (Group((0, 1), slice(0, self.count)),)
        reach = 2 + math.isqrt(count // 3)  # more than the radius of the half disc
        kx, ky = torch.meshgrid(torch.arange(reach), torch.arange(-reach, reach), indexing="ij")
        half = (kx > 0) | (ky > 0)
        kx, ky = kx[half], ky[half]
        kept = (kx**2 + ky**2).argsort(stable=True)[: self.count // 2]
        kx, ky = kx[kept], ky[kept]
        columns = self.shape[1] // 2 + 1
        # On the line kx = 0 the transform needs a wave and its conjugate.
        line = kx == 0
        self.register_buffer("place", ky % self.shape[0] * columns + kx, persistent=False)
        self.register_buffer("line", line.nonzero()[:, 0], persistent=False)
        self.register_buffer("mirror", -ky[line] % self.shape[0] * columns, persistent=False)
        self.register_buffer("rest", rest.float(), persistent=False)
        waves = torch.stack([kx, ky]).double()
        slope = torch.stack([waves[1], -waves[0]]) / std.double()[:, None]
        slope *= math.sqrt(2) / slope.norm(dim=0)
        self.register_buffer("slope", slope, persistent=False)  # (2, K/2): of u, v in ψ
        self.register_buffer("waves", waves, persistent=False)
        phase = self._phase(torch.tensor([[x.points[0], y.points[0]]], dtype=torch.float64))[0]
        self.register_buffer("turn", torch.stack([phase.cos(), phase.sin()]).float(), False)

    def _phase(self, positions: Tensor) -> Tensor:
        """k·x at ``positions`` (n, 2): shape (n, K/2)."""
        x, y = self.axes
        start = positions.new_tensor([x.low, y.low])
        return 2 * math.pi / (x.high - x.low) * (positions - start) @ self.waves

    def analyse(self, fields: Tensor) -> Tensor:
        """Fields (..., 2, ny, nx) → coefficients (..., K)."""
        spectrum = torch.fft.rfft2(fields, norm="forward").flatten(-2)[..., self.place]
        # Σ conj(i slope) f: a wave a cos k·x + b sin k·x of ψ is Re (a − ib) e^{ik·x}.
        wave = -1j * (self.slope.to(fields) * spectrum).sum(-2)
        wave = wave * torch.complex(self.turn[0], -self.turn[1])
        return torch.stack([wave.real, -wave.imag], dim=-1).flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., K) → fields (..., 2, ny, nx)."""
        a, b = coefficients.unflatten(-1, (-1, 2)).unbind(-1)
        wave = torch.complex(a, -b) * torch.complex(self.turn[0], self.turn[1])
        wave = 0.5j * self.slope.to(coefficients) * wave[..., None, :]
        ny, nx = self.shape
        spectrum = wave.new_zeros(*wave.shape[:-1], ny * (nx // 2 + 1))
        spectrum[..., self.place] = wave
        spectrum[..., self.mirror] = wave[..., self.line].conj()
        spectrum = spectrum.unflatten(-1, (ny, -1))
        fields = torch.fft.irfft2(spectrum, s=self.shape, norm="forward")
        return fields + self.rest[:, None, None]

    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (2, n, K), float64."""
        phase = self._phase(positions.double())
        both = torch.stack([-phase.sin(), phase.cos()], dim=-1)  # d/dψ of cosine and sine
        return (self.slope[:, None, :, None] * both).flatten(-2)
