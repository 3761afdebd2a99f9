"""The ensemble score filter's analysis of one component, as pure functions.

Bao, Zhang and Zhang (2024), "An ensemble score filter for tracking high-dimensional nonlinear
dynamical systems", Computer Methods in Applied Mechanics and Engineering 432; LD-EnSF (Xiao,
Si and Chen 2026) uses the same. A sample of the posterior is drawn by running the reverse SDE

    dx = [f x − g² (∇ log p + h ∇ log ℓ)] dt + g dW        from t = 1 (standard normal) to t = 0
    α(t) = 1 − (1 − ε) t,   β²(t) = t,   f = d ln α/dt,   g² = dβ²/dt − 2 f β²,   h(t) = 1 − t
    ∇ log p = −(x − α x₀)/β²    with each member paired with its own prior member x₀
    ∇ log ℓ = −(x − y)/σ²       absent where nothing is observed (σ = ∞)

with Euler steps of Δt = 1/steps taken at t = 1, 1 − Δt, …, Δt, noise on every one of them.

Each step is x ← a x + b x₀ + c y + d ξ with numbers that do not depend on x. The whole loop is
therefore one affine map with the same distribution (``published_map``). The exact answer for a
Gaussian prior is such a map too (``gaussian_map``): an analysis is a choice of b, c and s.

The published map is not calibrated. Its gain depends on σ and the number of steps, not on the
prior's spread, and s² ≥ about 1/steps even where nothing is observed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AffineMap:
    """An analysis x = b x₀ + c y + s ξ, ξ standard normal, for each component separately.

    Attributes:
        b: weight of the prior member, shape (..., D).
        c: weight of the observation (the gain), shape (..., D); 0 where nothing is observed.
        s: standard deviation of the noise, shape (..., D).
    """

    b: Tensor
    c: Tensor
    s: Tensor

    def apply(self, x0: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw the analysis members, (M, ..., D).

        Args:
            x0: prior members, (M, ..., D).
            y: observation, shape (..., D); not read where c is 0, so NaN there is harmless.
            generator: of the noise, on the device of ``x0``; none is the device's default.
        """
        pull = torch.where(self.c == 0, 0.0, self.c * y)
        noise = _standard_normal(x0, generator)
        return self.b * x0 + pull + self.s * noise


def euler_loop(
    x0: Tensor,
    y: Tensor,
    sigma: Tensor,
    steps: int = 100,
    epsilon: float = 0.05,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The published filter, step by step: the reference for ``published_map``.

    It runs even if it diverges (σ below ``smallest_stable_sigma``).

    Args:
        x0: prior members, (M, D).
        y: observation, (D,); not read where ``sigma`` is infinite.
        sigma: standard deviation of the observation's noise, (D,); ``inf`` for unobserved.
        steps, epsilon: of the reverse SDE.
        generator: of the noise, on the device of ``x0``; none is the device's default.

    Returns:
        Analysis members, (M, D).
    """
    step = 1 / steps
    precision = sigma**-2
    y = torch.where(precision > 0, y, 0.0)
    x = _standard_normal(x0, generator)
    for t, alpha, f, g2 in torch.stack(_schedule(steps, epsilon), dim=1).tolist():
        prior = -(x - alpha * x0) / t
        likelihood = -(x - y) * precision
        drift = f * x - g2 * (prior + (1 - t) * likelihood)
        x = x - step * drift + math.sqrt(step * g2) * _standard_normal(x0, generator)
    return x


def published_map(sigma: Tensor, steps: int = 100, epsilon: float = 0.05) -> AffineMap:
    """The affine map equivalent to ``euler_loop``.

    The steps are composed by A ← a A, B ← a B + b, C ← a C + c, S² ← a² S² + d² from A = 1 and
    B = C = S² = 0; at the end A² is added to S² for the initial noise. Here the recursions are sums
    over the steps, each weighted by the product of the later factors a.

    Args:
        sigma: standard deviation of the observation's noise, (..., D); ``inf`` for unobserved.
        steps, epsilon: of the reverse SDE.

    Returns:
        The map, in the dtype and on the device of ``sigma``; computed in double precision.

    Raises:
        ValueError: if a σ is NaN or below ``smallest_stable_sigma``, or if that function refuses
            ``steps`` and ``epsilon``.
    """
    smallest = smallest_stable_sigma(steps, epsilon)
    bad = ~(sigma >= smallest * (1 - 1e-6))  # a limit rounded to single precision still passes
    if bad.any():
        raise ValueError(
            f"σ = {sigma[bad].min().item():g}: the published filter with {steps} steps and "
            f"ε = {epsilon:g} is unstable below σ = {smallest:.4g}; take a larger σ or more steps"
        )
    step = 1 / steps
    sigma64 = sigma.double()
    t, alpha, f, g2 = (
        v.to(sigma.device).view(-1, *[1] * sigma.ndim) for v in _schedule(steps, epsilon)
    )
    b = step * g2 * alpha / t
    c = step * g2 * (1 - t) * sigma64**-2
    d2 = step * g2
    a = 1 - step * (f + g2 / t) - c
    from_here = a.flip(0).cumprod(0).flip(0)
    later = torch.cat([from_here[1:], torch.ones_like(a[:1])])
    variance = (d2 * later**2).sum(0) + from_here[0] ** 2
    return AffineMap(
        (b * later).sum(0).to(sigma), (c * later).sum(0).to(sigma), variance.sqrt().to(sigma)
    )


def smallest_stable_sigma(steps: int = 100, epsilon: float = 0.05) -> float:
    """The smallest σ for which the explicit Euler loop is stable: |a| ≤ 1 at all but the last step.

    Below it several successive steps amplify, and a few per cent less σ makes the result grow
    without bound. Only the last step may overshoot (|a| stays below 1.6), because no step follows
    that could amplify it; the published setting, σ = 0.1 with 100 steps, does so (|a| = 1.02).

    Raises:
        ValueError: if ``epsilon`` is not in (0, 1), or ``steps`` is below 3 or 1/(2 ε): the first
            step is then unstable for every σ.
    """
    if not 0 < epsilon < 1:
        raise ValueError(f"ε = {epsilon:g}: allowed is more than 0 and less than 1")
    fewest = max(3, math.ceil(0.5 / epsilon - 1e-9))
    if not steps >= fewest:
        raise ValueError(f"{steps} steps: with ε = {epsilon:g} at least {fewest} are needed")
    t, _, f, g2 = (v[1:-1] for v in _schedule(steps, epsilon))  # h = 0 at the first step
    return (g2 * (1 - t) / (2 * steps - f - g2 / t)).max().sqrt().item()


def gaussian_map(sigma: Tensor, variance: Tensor) -> AffineMap:
    """Exact Bayes for a Gaussian prior: the stochastic ensemble Kalman filter, per component.

    b = 1 − K, c = K, s = K σ with the gain K = P/(P + σ²) (Burgers, van Leeuwen and Evensen
    1998, Monthly Weather Review 126). Members drawn from N(m, P) become members drawn from
    N(m + K (y − m), (1 − K) P).

    Args:
        sigma: standard deviation of the observation's noise, (..., D); ``inf`` for unobserved.
        variance: P, the prior's variance, (..., D); 0 leaves the prior unchanged.
    """
    total = torch.addcmul(variance, sigma, sigma)
    gain = variance / total.clamp_min(torch.finfo(total.dtype).tiny)
    return AffineMap(1 - gain, gain, torch.where(gain > 0, gain * sigma, 0.0))


def _schedule(steps: int, epsilon: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """t, α, f and g² at each Euler step, each (steps,), double precision."""
    t = 1 - torch.arange(steps, dtype=torch.float64) / steps
    alpha = 1 - (1 - epsilon) * t
    f = -(1 - epsilon) / alpha
    return t, alpha, f, 1 - 2 * f * t


def _standard_normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
