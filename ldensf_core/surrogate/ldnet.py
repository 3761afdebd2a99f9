"""LDNet: latent dynamics and a decoder (Regazzoni et al. 2024, Nature Communications 15).

    s(t+Δt) = s(t) + Δt f_dyn(s(t), u),    s = 0 before the first snapshot
    y(t, x) = decoder(s(t), x)

Trajectories differ only in the parameters u, here mapped from their prior range to [-1, 1].
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ldensf_core.surrogate.decoder import Decoder

STEP = 0.1
"""Δt of the latent dynamics; snapshots are one step apart."""


class LDNet(nn.Module):
    """Latent dynamics with a decoder.

    Args:
        n_latent: L, size of the latent state.
        n_parameters: P, number of parameters.
        width, layers: width and number of hidden layers of the dynamics.
    """

    def __init__(
        self,
        decoder: Decoder,
        n_latent: int,
        n_parameters: int,
        width: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__()
        self.n_latent = n_latent
        sizes = [n_latent + n_parameters, *[width] * layers]
        hidden = [
            m
            for pair in pairwise(sizes)
            for m in (nn.Linear(*pair, dtype=torch.float32), nn.GELU())
        ]
        self.dynamics = nn.Sequential(*hidden, nn.Linear(width, n_latent, dtype=torch.float32))
        if layers > 2:
            # With torch's default initialisation each layer shrinks a signal several times:
            # nothing would be left after nine layers.
            for matrix in self.dynamics[::2]:
                nn.init.kaiming_normal_(matrix.weight, nonlinearity="relu")
        self.decoder = decoder

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers of the dynamics."""
        return [m.weight for m in self.dynamics[2:-1] if isinstance(m, nn.Linear)]

    def initial_state(self, parameters: Tensor) -> Tensor:
        """Latent state at the first snapshot: unit parameters (B, P) → (B, L)."""
        return self.step(parameters.new_zeros(*parameters.shape[:-1], self.n_latent), parameters)

    def step(self, latent: Tensor, parameters: Tensor) -> Tensor:
        """Latent state (..., L) one snapshot later."""
        return latent + STEP * self.dynamics(torch.cat([latent, parameters], dim=-1))

    def rollout(self, parameters: Tensor, n_times: int) -> Tensor:
        """Latent states of whole trajectories: unit parameters (B, P) → (B, n_times, L)."""
        states = [self.initial_state(parameters)]
        for _ in range(n_times - 1):
            states.append(self.step(states[-1], parameters))
        return torch.stack(states, dim=-2)

    def decode(self, latent: Tensor, where: Tensor | None = None) -> Tensor:
        """Normalised fields on the grid, or at positions ``where`` (n, 2)."""
        return self.decoder.on_grid(latent) if where is None else self.decoder.at(latent, where)
