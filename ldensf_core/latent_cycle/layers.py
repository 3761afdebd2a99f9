"""The latent cycle in torch: the functions of ``kernels``, for any device.

Uses as few operations as possible: each costs a microsecond or more, whatever it computes, and a
call of a module costs several.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ldensf_core.analyses.score import gaussian_map

ROOT_HALF, HALF = torch.tensor([math.sqrt(0.5), 0.5], dtype=torch.float32)
"""Constants as tensors: Python numbers would cost another microsecond."""
LITTLE = 20_000  # elements


def dense(weight: Tensor, bias: Tensor, x: Tensor, out: Tensor, gelu: bool = False) -> None:
    """A layer for one input: ``out`` (R,) = W x + b of W (R, C) and x (C,), or GELU of it."""
    torch.addmv(bias, weight, x, out=out)
    if gelu:
        _gelu(out)


def gru(cell: nn.GRU, x: Tensor, memory: Tensor, out: Tensor) -> None:
    """One step of a gated recurrent unit: x (I,) and memory (H,) → ``out`` (H,), another buffer."""
    size = len(memory)
    of_x = torch.addmv(cell.bias_ih_l0, cell.weight_ih_l0, x)
    of_memory = torch.addmv(cell.bias_hh_l0, cell.weight_hh_l0, memory)
    reset, update = of_x[: 2 * size].add_(of_memory[: 2 * size]).sigmoid_().split(size)
    new = torch.addcmul(of_x[2 * size :], reset, of_memory[2 * size :]).tanh_()
    torch.lerp(new, memory, update, out=out)


def told(weight: Tensor, bias: Tensor, x: Tensor, low: float, high: float, out: Tensor) -> None:
    """A layer for one input whose first half is a mean and whose second a standard deviation.

    ``out`` (2, D): the mean, and exp(low + (high − low) sigmoid(…)), of W (2 D, C) and x (C,).
    """
    torch.addmv(bias, weight, x, out=out.view(-1))
    out[1].sigmoid_().mul_(high - low).add_(low).exp_()


def step(dynamics: nn.Sequential, state: Tensor, n_latent: int, length: float) -> None:
    """Latent states, the first columns of ``state`` (M, D), one snapshot on, in place."""
    *hidden, last = (m for m in dynamics if isinstance(m, nn.Linear))
    h = state
    for layer in hidden:
        h = _gelu(torch.addmm(layer.bias, h, layer.weight.mT))
    state[:, :n_latent].add_(torch.addmm(last.bias, h, last.weight.mT), alpha=length)


def correct(
    state: Tensor,
    y: Tensor,
    sigma: Tensor,
    mean: Tensor,
    std: Tensor,
    noise: Tensor,
    inflation: float,
    process_noise: float,
    n_latent: int,
) -> None:
    """LD-EnSF's gaussian rule on ``state`` (M, D), in place.

    With process noise q the map acts on x₀ + q ξ'; b q ξ' + s ξ is drawn as one number.

    Args:
        y, sigma: (D,), the encoded observation and its standard deviation, in units of ``std``.
        mean, std: (D,), of the training states.
        noise: (M, D), standard normal.
    """
    prior = state.var(dim=0, correction=min(1, len(state) - 1)).div_(std).div_(std)
    map_ = gaussian_map(inflation * sigma, prior.add_(process_noise**2))
    shift = torch.addcmul(mean, std, y).mul_(map_.c)  # c = 1 − b; b · state holds b · mean
    spread = torch.hypot(process_noise * map_.b, map_.s).mul_(std)
    after = torch.addcmul(shift, state, map_.b).addcmul_(noise, spread)
    after[:, n_latent:].clamp_(-1, 1)  # the prior of the parameters has bounds
    state.copy_(after)  # one copy: an interruption leaves forecast or analysis


def _gelu(x: Tensor) -> Tensor:
    """GELU in place. For small inputs torch's function takes twice as long, from its overhead."""
    if x.numel() > LITTLE:
        return torch.ops.aten.gelu_(x)
    return x.addcmul_(x, torch.mul(x, ROOT_HALF).erf_()).mul_(HALF)
