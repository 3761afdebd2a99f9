"""The history encoder: from all observations so far to latent state and parameters.

Each observation is first interpolated to basis coefficients (``interpolation.py``), so that the
network sees the same quantities whatever the sensors. A perceptron and a gated recurrent unit then
turn the sequence of coefficients into the mean and standard deviation of (s, u), given all
observations so far. Times without an observation are skipped; the time of each observation is an
input.

Any sensors are accepted, but the encoder is right only for networks like those it was trained on:
grids and random networks over the whole domain (``training.networks``). Of a cluster, a line or a
single sensor it makes something wrong, with too small a standard deviation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ldensf_core.encoders.interpolation import OptimalInterpolation

TIME_WAVES = 8
LOG_STD = (-9.0, 1.0)
"""Range of the logarithm of the predicted standard deviation, in units of the prior's."""


class HistoryEncoder(nn.Module):
    """Observations → mean and standard deviation of (latent state, unit parameters).

    Args:
        interpolation: from measurements to coefficients.
        mean, std: (L+P,), of the targets over training trajectories; the network works in
            these units.
        n_times: snapshots of a trajectory; scales the time input.
        width: of the perceptron. ``memory``: of the recurrent state.
    """

    def __init__(
        self,
        interpolation: OptimalInterpolation,
        mean: Tensor,
        std: Tensor,
        n_times: int,
        width: int = 384,
        memory: int = 256,
    ) -> None:
        super().__init__()
        self.interpolation, self.n_times = interpolation, n_times
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        inputs = interpolation.basis.count + interpolation.count + 2 * TIME_WAVES
        self.read = nn.Sequential(
            nn.Linear(inputs, width, dtype=torch.float32),
            nn.GELU(),
            nn.Linear(width, memory, dtype=torch.float32),
            nn.GELU(),
        )
        self.recur = nn.GRU(memory, memory, batch_first=True, dtype=torch.float32)
        self.write = nn.Sequential(
            nn.Linear(2 * memory, memory, dtype=torch.float32),
            nn.GELU(),
            nn.Linear(memory, 2 * len(mean), dtype=torch.float32),
        )
        # Initially predict about the prior's standard deviation.
        nn.init.constant_(self.write[-1].bias[len(mean) :], 2.2)

    def forward(
        self, coefficients: Tensor, unknown: Tensor, index: Tensor, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A sequence of N observations, earliest first.

        Args:
            coefficients: (B, N, K) from the interpolation. ``unknown``: (B, N, S).
            index: snapshot of each observation, (B, N).
            memory: recurrent state from earlier observations, (1, B, memory).

        Returns:
            mean and standard deviation (B, N, L+P) after each observation, and the memory.
        """
        h = self.read[1:](self.first_layer(coefficients, unknown, index))
        remembered, memory = self.recur(h, memory)
        mean, raw = self.write(torch.cat([h, remembered], dim=-1)).chunk(2, dim=-1)
        low, high = LOG_STD
        std = torch.exp(low + (high - low) * torch.sigmoid(raw))
        return self.mean + self.std * mean, self.std * std, memory

    def first_layer(self, coefficients: Tensor, unknown: Tensor, index: Tensor) -> Tensor:
        """Output of the first layer for ``forward``'s arguments, (..., width)."""
        like = {"dtype": coefficients.dtype, "device": index.device}
        waves = math.pi * torch.arange(1, TIME_WAVES + 1, **like)
        phase = index[..., None].to(waves) / self.n_times * waves
        return self.read[0](torch.cat([coefficients, unknown, phase.sin(), phase.cos()], dim=-1))
