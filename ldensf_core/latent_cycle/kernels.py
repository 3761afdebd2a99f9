"""The latent cycle in a handful of GPU kernels, written in Triton.

In separate torch operations a cycle is some sixty kernels, each of which takes longer to start
than to compute. Here each layer with its activation is one kernel, and so is the analysis. Results
agree with torch's to rounding, and do not depend on the order in which blocks run.

Triton comes with torch for supported GPUs, and needs a C compiler. ``layers`` has the same
functions in torch; ``cycle_functions`` chooses between them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from ldensf_core.device import wait
from ldensf_core.latent_cycle import layers

FEW, MEMBERS = 1024, 4096
"""Largest ensembles for which layers, and the analysis, use kernels; beyond, torch is as fast."""
ROWS, COLUMNS = 4, 256
"""Part of a matrix that one block takes at a time, for one input."""
TILE, DEPTH = (16, 32), 32
"""Members and outputs of one block, and inputs at a time, for an ensemble."""


def try_out(device: torch.device) -> None:
    """Run the two most demanding kernels; passes on their exceptions."""
    x = torch.zeros(COLUMNS, dtype=torch.float32, device=device)
    dense(x[None], x[:1], x, torch.empty_like(x[:1]))
    dynamics = nn.Sequential(nn.Linear(60, 128), nn.GELU(), nn.Linear(128, 50)).to(x)
    step(dynamics, x.new_zeros(20, 60), 50, 0.1)
    wait(device)


def dense(weight: Tensor, bias: Tensor, x: Tensor, out: Tensor, gelu: bool = False) -> None:
    """A layer for one input: ``out`` (R,) = W x + b of W (R, C) and x (C,), or GELU of it."""
    rows, columns = weight.shape
    _dense[(triton.cdiv(rows, ROWS),)](
        weight, bias, x, out, rows, columns, GELU=gelu, ROWS=ROWS, COLUMNS=COLUMNS
    )


def gru(cell: nn.GRU, x: Tensor, memory: Tensor, out: Tensor) -> None:
    """One step of a gated recurrent unit: x (I,) and memory (H,) → ``out`` (H,), another buffer."""
    size, inputs = len(memory), len(x)
    _gru[(triton.cdiv(size, ROWS // 2),)](
        cell.weight_ih_l0,
        cell.weight_hh_l0,
        cell.bias_ih_l0,
        cell.bias_hh_l0,
        x,
        memory,
        out,
        size,
        inputs,
        UNITS=ROWS // 2,
        COLUMNS=COLUMNS,
    )


def step(dynamics: nn.Sequential, state: Tensor, n_latent: int, length: float) -> None:
    """Latent states, the first columns of ``state`` (M, D), one snapshot on, in place."""
    members = len(state)
    if members > FEW:
        layers.step(dynamics, state, n_latent, length)
        return
    *hidden, last = (m for m in dynamics if isinstance(m, nn.Linear))
    x = state
    for layer in hidden:
        x, before = state.new_empty(members, layer.out_features), x
        _linear(layer, before, x)
    _linear(last, x, state, length)


def _linear(layer: nn.Linear, x: Tensor, out: Tensor, length: float | None = None) -> None:
    """GELU(W x + b) of ``x`` (M, C) into ``out``; with ``length``, ``out`` += length (W x + b)."""
    members, outputs = len(x), layer.out_features
    _layer[(triton.cdiv(members, TILE[0]), triton.cdiv(outputs, TILE[1]))](
        layer.weight,
        layer.bias,
        x,
        out,
        members,
        layer.in_features,
        outputs,
        out.shape[1],
        0.0 if length is None else length,
        ADDED=length is not None,
        MEMBERS=TILE[0],
        OUTPUTS=TILE[1],
        DEPTH=DEPTH,
        num_warps=2,
    )


def told(weight: Tensor, bias: Tensor, x: Tensor, low: float, high: float, out: Tensor) -> None:
    """A layer for one input whose first half is a mean and whose second a standard deviation.

    ``out`` (2, D): the mean, and exp(low + (high − low) sigmoid(…)), of W (2 D, C) and x (C,).
    """
    size = len(weight) // 2
    _told[(size,)](weight, bias, x, out, size, len(x), low, high, COLUMNS=COLUMNS)


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
    """LD-EnSF's gaussian rule on ``state`` (M, D), in place: see ``layers.correct``."""
    members, size = state.shape
    if members > MEMBERS:
        factors = inflation, process_noise, n_latent
        layers.correct(state, y, sigma, mean, std, noise, *factors)
        return
    _correct[(size,)](
        state,
        y,
        sigma,
        mean,
        std,
        noise,
        members,
        size,
        n_latent,
        inflation,
        process_noise,
        BLOCK=triton.next_power_of_2(members),
    )


@triton.jit
def _gelu_of(x):
    return 0.5 * x * (1.0 + tl.math.erf(x * 0.7071067811865476))


@triton.jit
def _dense(
    weight, bias, x, out, rows, columns,
    GELU: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    r = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, columns, COLUMNS):
        c = start + tl.arange(0, COLUMNS)
        inside = (r < rows)[:, None] & (c < columns)[None, :]
        w = tl.load(weight + r[:, None] * columns + c[None, :], mask=inside, other=0.0)
        total += w * tl.load(x + c, mask=c < columns, other=0.0)[None, :]
    y = tl.sum(total, 1) + tl.load(bias + r, mask=r < rows, other=0.0)
    if GELU:
        y = _gelu_of(y)
    tl.store(out + r, y, mask=r < rows)


@triton.jit
def _gru(
    w_ih, w_hh, b_ih, b_hh, x, memory, out, size, inputs,
    UNITS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    u = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    valid = u < size
    reset = tl.zeros((UNITS, COLUMNS), tl.float32)
    update = tl.zeros((UNITS, COLUMNS), tl.float32)
    new = tl.zeros((UNITS, COLUMNS), tl.float32)
    kept = tl.zeros((UNITS, COLUMNS), tl.float32)
    for start in range(0, inputs, COLUMNS):
        c = start + tl.arange(0, COLUMNS)
        inside = valid[:, None] & (c < inputs)[None, :]
        v = tl.load(x + c, mask=c < inputs, other=0.0)[None, :]
        at = w_ih + u[:, None] * inputs + c[None, :]
        reset += v * tl.load(at, mask=inside, other=0.0)
        update += v * tl.load(at + size * inputs, mask=inside, other=0.0)
        new += v * tl.load(at + 2 * size * inputs, mask=inside, other=0.0)
    for start in range(0, size, COLUMNS):
        c = start + tl.arange(0, COLUMNS)
        inside = valid[:, None] & (c < size)[None, :]
        v = tl.load(memory + c, mask=c < size, other=0.0)[None, :]
        at = w_hh + u[:, None] * size + c[None, :]
        reset += v * tl.load(at, mask=inside, other=0.0)
        update += v * tl.load(at + size * size, mask=inside, other=0.0)
        kept += v * tl.load(at + 2 * size * size, mask=inside, other=0.0)
    r = tl.sum(reset, 1) + tl.load(b_ih + u, mask=valid) + tl.load(b_hh + u, mask=valid)
    z = tl.sum(update, 1)
    z += tl.load(b_ih + size + u, mask=valid) + tl.load(b_hh + size + u, mask=valid)
    old = tl.sum(kept, 1) + tl.load(b_hh + 2 * size + u, mask=valid)
    n = tl.sum(new, 1) + tl.load(b_ih + 2 * size + u, mask=valid) + tl.sigmoid(r) * old
    n = 2.0 * tl.sigmoid(2.0 * n) - 1.0  # the hyperbolic tangent
    z = tl.sigmoid(z)
    tl.store(out + u, (1.0 - z) * n + z * tl.load(memory + u, mask=valid), mask=valid)


@triton.jit
def _layer(
    weight, bias, x, out, members, inputs, outputs, stride, length,
    ADDED: tl.constexpr, MEMBERS: tl.constexpr, OUTPUTS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * MEMBERS + tl.arange(0, MEMBERS)
    n = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    y = tl.zeros((MEMBERS, OUTPUTS), tl.float32)
    for start in range(0, inputs, DEPTH):
        k = start + tl.arange(0, DEPTH)
        inside = (m < members)[:, None] & (k < inputs)[None, :]
        a = tl.load(x + m[:, None] * inputs + k[None, :], mask=inside, other=0.0)
        inside = (k < inputs)[:, None] & (n < outputs)[None, :]
        w = tl.load(weight + n[None, :] * inputs + k[:, None], mask=inside, other=0.0)
        y = tl.dot(a, w, y, input_precision="ieee")
    y += tl.load(bias + n, mask=n < outputs, other=0.0)[None, :]
    at = out + m[:, None] * stride + n[None, :]
    inside = (m < members)[:, None] & (n < outputs)[None, :]
    if ADDED:
        y = tl.load(at, mask=inside, other=0.0) + length * y
    else:
        y = _gelu_of(y)
    tl.store(at, y, mask=inside)


@triton.jit
def _told(weight, bias, x, out, size, columns, low, high, COLUMNS: tl.constexpr):
    d = tl.program_id(0)
    mean = tl.zeros((COLUMNS,), tl.float32)
    raw = tl.zeros((COLUMNS,), tl.float32)
    for start in range(0, columns, COLUMNS):
        c = start + tl.arange(0, COLUMNS)
        inside = c < columns
        v = tl.load(x + c, mask=inside, other=0.0)
        mean += v * tl.load(weight + d * columns + c, mask=inside, other=0.0)
        raw += v * tl.load(weight + (d + size) * columns + c, mask=inside, other=0.0)
    tl.store(out + d, tl.sum(mean, 0) + tl.load(bias + d))
    share = tl.sigmoid(tl.sum(raw, 0) + tl.load(bias + d + size))
    tl.store(out + size + d, tl.exp(low + (high - low) * share))


@triton.jit
def _correct(
    state, y, sigma, mean, std, noise, members, size, n_latent, inflation, process_noise,
    BLOCK: tl.constexpr,
):  # fmt: skip
    d = tl.program_id(0)
    m = tl.arange(0, BLOCK)
    inside = m < members
    x = tl.load(state + m * size + d, mask=inside, other=0.0)
    unit = tl.load(std + d)
    centre = tl.sum(x, 0) / members
    off = tl.where(inside, x - centre, 0.0)
    degrees = tl.maximum(members - 1, 1)
    prior = tl.sum(off * off, 0) / degrees / (unit * unit) + process_noise * process_noise
    error = inflation * tl.load(sigma + d)
    total = prior + error * error
    gain = tl.where(total > 0.0, prior / total, 0.0)
    b = 1.0 - gain
    middle = tl.load(mean + d)
    shift = middle - b * middle + unit * gain * tl.load(y + d)
    own = gain * error
    spread = unit * tl.sqrt(process_noise * b * process_noise * b + own * own)
    x = b * x + shift + spread * tl.load(noise + m * size + d, mask=inside, other=0.0)
    if d >= n_latent:
        x = tl.minimum(tl.maximum(x, -1.0), 1.0)  # the prior of the parameters has bounds
    tl.store(state + m * size + d, x, mask=inside)
