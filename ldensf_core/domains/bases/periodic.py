"""Plane waves in a periodic box."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.bases.base import Basis, Group


class PeriodicBasis(Basis):
    """Fourier modes, for each variable separately: 1, √2 cos k·x and √2 sin k·x.

    The longest waves are kept, so that the resolution is the same in all directions.

    Args:
        x, y: periodic.
        rest: (V,), normalised.
        count: most coefficients of all variables together; each variable gets the same odd
            number.

    Raises:
        ValueError: if ``count`` is less than one for each variable.
    """

    def __init__(self, x: Axis, y: Axis, rest: Tensor, count: int) -> None:
        super().__init__()
        v = len(rest)
        if count < v:
            raise ValueError(f"count = {count}: at least one for each of {v} variables is needed")
        self.axes, self.shape = (x, y), (len(y.points), len(x.points))
        # Fewer waves than half the points along each axis: no aliasing.
        reach_y, reach_x = ((n - 1) // 2 for n in self.shape)
        kx, ky = torch.meshgrid(
            torch.arange(reach_x + 1), torch.arange(-reach_y, reach_y + 1), indexing="ij"
        )
        half = (kx > 0) | (ky > 0)  # −k is the same wave
        kx, ky = kx[half], ky[half]
        stretch = ((y.high - y.low) / (x.high - x.low)) ** 2
        kept = (stretch * kx**2 + ky**2).argsort(stable=True)[: (count // v - 1) // 2]
        kx, ky = kx[kept], ky[kept]
        each = 1 + 2 * len(kept)
        self.count = v * each
        self.groups = tuple(Group((i,), slice(i * each, (i + 1) * each)) for i in range(v))
        columns = self.shape[1] // 2 + 1
        # On the line kx = 0 the transform needs a wave and its conjugate.
        line = kx == 0
        self.register_buffer("place", ky % self.shape[0] * columns + kx, persistent=False)
        self.register_buffer("line", line.nonzero()[:, 0], persistent=False)
        self.register_buffer("mirror", -ky[line] % self.shape[0] * columns, persistent=False)
        self.register_buffer("rest", rest.float(), persistent=False)
        self.register_buffer("waves", torch.stack([kx, ky]).double(), persistent=False)
        phase = self._phase(torch.tensor([[x.points[0], y.points[0]]], dtype=torch.float64))[0]
        self.register_buffer("turn", torch.stack([phase.cos(), phase.sin()]).float(), False)

    def _phase(self, positions: Tensor) -> Tensor:
        """k·x at ``positions`` (n, 2): shape (n, waves)."""
        x, y = self.axes
        start = positions.new_tensor([x.low, y.low])
        length = positions.new_tensor([x.high - x.low, y.high - y.low])
        return 2 * math.pi * (positions - start) / length @ self.waves

    def analyse(self, fields: Tensor) -> Tensor:
        """Fields (..., V, ny, nx) → coefficients (..., K)."""
        departures = fields - self.rest[:, None, None]
        spectrum = torch.fft.rfft2(departures, norm="forward").flatten(-2)
        # A wave a cos k·x + b sin k·x is Re (a − ib) e^{ik·x}; the spectrum holds half of it.
        wave = math.sqrt(2) * spectrum[..., self.place]
        wave = wave * torch.complex(self.turn[0], -self.turn[1])
        pairs = torch.stack([wave.real, -wave.imag], dim=-1).flatten(-2)
        return torch.cat([spectrum[..., :1].real, pairs], dim=-1).flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., K) → fields (..., V, ny, nx)."""
        each = coefficients.unflatten(-1, (len(self.rest), -1))
        a, b = each[..., 1:].unflatten(-1, (-1, 2)).unbind(-1)
        wave = torch.complex(a, -b) * torch.complex(self.turn[0], self.turn[1]) / math.sqrt(2)
        ny, nx = self.shape
        spectrum = wave.new_zeros(*wave.shape[:-1], ny * (nx // 2 + 1))
        spectrum[..., self.place] = wave
        spectrum[..., self.mirror] = wave[..., self.line].conj()
        spectrum[..., 0] = each[..., 0]
        spectrum = spectrum.unflatten(-1, (ny, -1))
        return torch.fft.irfft2(spectrum, s=self.shape, norm="forward") + self.rest[:, None, None]

    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (V, n, K), float64."""
        phase = self._phase(positions.double())
        pairs = math.sqrt(2) * torch.stack([phase.cos(), phase.sin()], dim=-1).flatten(-2)
        functions = torch.cat([torch.ones_like(pairs[:, :1]), pairs], dim=-1)
        values = functions.new_zeros(len(self.rest), len(positions), self.count)
        for group in self.groups:
            values[group.variables[0], :, group.coefficients] = functions
        return values
