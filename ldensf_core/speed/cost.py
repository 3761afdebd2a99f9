"""The least work of a latent cycle, and the peak speed of the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn

from ldensf_core.device import clock
from ldensf_core.weights.model import LatentModel

ANALYSIS_OPERATIONS = 12
"""Operations for each component of each member: moments, noise, affine map, change of units."""


@dataclass(frozen=True)
class Cost:
    """Single-precision operations and bytes of memory traffic of one cycle."""

    operations: float
    bytes: float

    def milliseconds(self, peak: Peak) -> float:
        """Least time at the device's peak: the longer of arithmetic and memory."""
        return 1e3 * max(self.operations / peak.operations, self.bytes / peak.bytes)


@dataclass(frozen=True)
class Peak:
    """Single-precision operations and bytes of memory traffic per second."""

    operations: float
    bytes: float


def cycle_cost(model: LatentModel, members: int, sensors: int) -> Cost:
    """Cost of forecast, encoding and analysis if all that needs no memory is fused.

    Each weight is read once. The ensemble is read and written by the forecast and again by the
    analysis, which needs the moments of all members first.
    """
    dynamics = _weights(model.ldnet.dynamics)
    values = sensors * len(model.benchmark.variables)
    encoder = model.encoder
    encoded = (
        values * encoder.read[0].out_features
        + _weights(encoder.read[2:])
        + _weights(encoder.recur)
        + _weights(encoder.write)
    )
    components = members * len(encoder.mean)
    operations = 2 * (members * dynamics + encoded) + ANALYSIS_OPERATIONS * components
    return Cost(float(operations), 4.0 * (dynamics + encoded + 4 * components))


def measured_peak(device: torch.device, size: int | None = None) -> Peak:
    """Measured with a product of two matrices of ``size`` and a copy of 4 ``size``² numbers."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a = torch.ones(size, size, dtype=torch.float32, device=device)
    long = torch.ones(4 * size * size, dtype=torch.float32, device=device)
    product, copy = torch.empty_like(a), torch.empty_like(long)

    def seconds(function: Callable[[], object]) -> float:
        times = []
        for _ in range(6):
            start = clock(device)
            function()
            times.append(clock(device) - start)
        return median(times[1:])

    return Peak(
        operations=2 * size**3 / seconds(lambda: torch.mm(a, a, out=product)),
        bytes=2 * 4 * long.numel() / seconds(lambda: copy.copy_(long)),
    )


def _weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
