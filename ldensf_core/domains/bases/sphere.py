"""Heights and winds on the sphere, by spherical harmonics."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch_harmonics.legendre import legpoly

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.bases.base import Basis, Group
from ldensf_core.domains.harmonics import recurrence

POLE = math.radians(89.9)
"""Winds beyond this latitude are evaluated at it: they have no direction at the pole."""


class SphereBasis(Basis):
    """Harmonics of height h, stream function ψ and velocity potential χ, made orthonormal.

    The variables h, u and v are divided by different standard deviations, so the winds of
    different harmonics are not quite orthogonal. For every order m the meridional profiles of
    (u, v), of all ψ_lm and χ_lm together, are therefore orthonormalised from low to high degrees;
    likewise those of h.

    Args:
        x, y: longitude and latitude in degrees.
        std: (3,), of h, u and v. ``rest``: (3,), normalised.
        count: most coefficients. h and ψ are kept up to the largest degree T that fits, χ up to
            half of it, because divergent winds are weak and smooth.
    """

    def __init__(self, x: Axis, y: Axis, std: Tensor, rest: Tensor, count: int) -> None:
        super().__init__()
        self.n_lon, self.first = len(x.points), math.radians(x.points[0])
        self.degree = next(t for t in range(1, count) if _size(t + 1) > count)
        self.count = _size(self.degree)
        heights = (self.degree + 1) ** 2
        self.groups = (Group((0,), slice(heights)), Group((1, 2), slice(heights, self.count)))
        self.std = [float(s) for s in std]
        self.register_buffer("rest", rest.float(), persistent=False)
        latitude = torch.deg2rad(torch.as_tensor(y.points))
        weight = torch.cos(latitude) / torch.cos(latitude).sum()
        order = torch.arange(self.degree + 1)
        self.register_buffer("order", order.float(), persistent=False)
        for name, raw, weights in zip(
            ("height", "wind"),
            self._profiles(latitude),
            (weight, weight.repeat(2)),
            strict=True,
        ):
            kept = raw.abs().amax(1) > 0  # (M, columns): a degree is never below its order
            root = weights.sqrt()[:, None]
            inverse = raw.new_zeros(len(raw), raw.shape[2], raw.shape[2])
            for m, columns in enumerate(kept):
                r = torch.linalg.qr(root * raw[m][:, columns], mode="r").R
                r = r * r.diagonal().sign()[:, None]
                inverse[m].masked_scatter_(columns[:, None] & columns, torch.linalg.inv(r))
            profiles = raw @ inverse
            # √2 cos mλ and −√2 sin mλ are one complex number, whose conjugate is not stored.
            half = torch.where(order > 0, math.sqrt(0.5), raw.new_ones(()))[:, None, None]
            twice = torch.where(order > 0, math.sqrt(2.0), raw.new_ones(()))[:, None, None]
            parts = torch.stack([kept, kept], dim=-1)
            # For order zero, h and u are real, and v, a quarter of a wave ahead, imaginary.
            ahead = raw[0, len(latitude) :].abs().sum(0) > 0
            parts[0] = torch.stack([kept[0] & ~ahead, ahead], dim=-1)
            place = parts.flatten().nonzero()[:, 0]
            self.register_buffer(f"{name}_place", place, persistent=False)
            self.register_buffer(f"{name}_inverse", inverse, persistent=False)
            synthesis, analysis = half * profiles, twice * profiles * weights[:, None]
            self.register_buffer(f"{name}_synthesis", synthesis.float(), persistent=False)
            self.register_buffer(f"{name}_analysis", analysis.float(), persistent=False)

    def _profiles(self, latitude: Tensor) -> tuple[Tensor, Tensor]:
        """Meridional profiles before orthonormalisation, at ``latitude`` (n,), in rad.

        Returns:
            those of h, (M, n, T+1), and of u and v together, (M, 2n, columns). All are real,
            because v and χ are taken a quarter of a wave ahead.
        """
        t, device = self.degree, latitude.device
        latitude = latitude.clamp(-POLE, POLE).cpu()
        p = legpoly(t + 1, t + 2, torch.sin(latitude), csphase=False).mT  # (M, n, T+2)
        l = torch.arange(t + 2, dtype=p.dtype)  # noqa: E741
        m = torch.arange(t + 1, dtype=p.dtype)[:, None, None]
        epsilon = recurrence(l, m)
        cosine = torch.cos(latitude)[:, None]
        slope = -l[:-1] * epsilon[..., 1:] * p[..., 1:]
        slope[..., 1:] += (l[1:-1] + 1) * epsilon[..., 1:-1] * p[..., :-2]
        north, east = (slope / cosine)[..., 1:], (m * p[..., :-1] / cosine)[..., 1:]
        psi = torch.cat([-north / self.std[1], east / self.std[2]], dim=1)
        chi = torch.cat([-east / self.std[1], north / self.std[2]], dim=1)[..., : t // 2]
        degrees = torch.cat([l[1:-1], l[1 : t // 2 + 1]])
        winds = torch.cat([psi, chi], dim=2)[..., degrees.argsort(stable=True)]
        return p[..., :-1].to(device), winds.to(device)

    def analyse(self, fields: Tensor) -> Tensor:
        """Fields (..., 3, ny, nx) → coefficients (..., K)."""
        waves = torch.fft.rfft(fields - self.rest[:, None, None], norm="forward")
        waves = waves[..., : self.degree + 1] * self._turn(-self.first)
        h, u, v = waves.unbind(-3)
        parts = []
        for name, part in (("height", h), ("wind", torch.cat([u, -1j * v], dim=-2))):
            table = getattr(self, f"{name}_analysis")
            sums = torch.einsum("...kmr,mkj->...mjr", torch.view_as_real(part), table)
            parts.append(sums.flatten(-3)[..., getattr(self, f"{name}_place")])
        return torch.cat(parts, dim=-1)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Coefficients (..., K) → fields (..., 3, ny, nx)."""
        parts = []
        for name, group in zip(("height", "wind"), self.groups, strict=True):
            table = getattr(self, f"{name}_synthesis")
            m, _, columns = table.shape
            flat = coefficients.new_zeros(*coefficients.shape[:-1], m * columns * 2)
            flat[..., getattr(self, f"{name}_place")] = coefficients[..., group.coefficients]
            numbers = flat.unflatten(-1, (m, columns, 2))
            parts.append(torch.einsum("...mjr,mkj->...kmr", numbers, table))
        waves = torch.view_as_complex(torch.cat(parts, dim=-3).contiguous())
        waves = waves.unflatten(-2, (3, -1)) * self._turn(self.first)
        waves[..., 2, :, :] *= 1j
        fields = torch.fft.irfft(waves, n=self.n_lon, norm="forward")
        return fields + self.rest[:, None, None]

    def evaluate(self, positions: Tensor) -> Tensor:
        """Basis functions at ``positions`` (n, 2), (x, y): shape (3, n, K), float64."""
        n = len(positions)
        longitude, latitude = torch.deg2rad(positions.double()).unbind(1)
        angle = self.order.double()[:, None] * longitude
        scale = torch.where(self.order > 0, math.sqrt(2.0), longitude.new_ones(()))[:, None]
        cosine, sine = (scale * angle.cos())[..., None], (scale * angle.sin())[..., None]
        values = longitude.new_zeros(3, n, self.count)
        raw_height, raw_wind = self._profiles(latitude)
        height = raw_height @ self.height_inverse
        u, v = (raw_wind @ self.wind_inverse).split(n, dim=1)
        # Re (a + ib) e^{imλ} is a cos − b sin; v is stored as i v.
        waves = (
            (self.height_place, [torch.stack([cosine * height, -sine * height], dim=-1)]),
            (
                self.wind_place,
                [
                    torch.stack([cosine * u, -sine * u], dim=-1),
                    torch.stack([-sine * v, -cosine * v], dim=-1),
                ],
            ),
        )
        for group, (place, numbers) in zip(self.groups, waves, strict=True):
            for variable, number in zip(group.variables, numbers, strict=True):
                columns = number.transpose(0, 1).flatten(1)[:, place]
                values[variable, :, group.coefficients] = columns
        return values

    def _turn(self, angle: float) -> Tensor:
        """e^{im·angle}, (M,)."""
        return torch.polar(torch.ones_like(self.order), angle * self.order)


def _size(t: int) -> int:
    """Number of coefficients of h and ψ to degree ``t`` and χ to half of it; ψ, χ have no mean."""
    return 2 * (t + 1) ** 2 - 1 + (t // 2 + 1) ** 2 - 1
