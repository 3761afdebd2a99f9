"""Muon (Jordan et al. 2024) for many matrices of few shapes.

The update of a matrix is its momentum with all singular values brought near one, by five
Newton-Schulz iterations in half precision. A factor √max(rows, columns)/5 gives it about the size
of an Adam step. torch's optimiser goes through the matrices one by one: with small matrices a step
is then hundreds of kernels, each shorter than its launch. Here matrices of one shape are stacked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95


class StackedMuon(torch.optim.Optimizer):
    """Muon with Nesterov momentum.

    Args:
        matrices: two-dimensional parameters.
        lr: tensor of one element, on their device; read at every step.
        decay: weight decay; a step takes away ``lr * decay`` of the weights. Without it they
            grow while the rate is large, because no update is small.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: Tensor, decay: float = 0.0) -> None:
        shapes = dict.fromkeys(p.shape for p in matrices)
        groups = [{"params": [p for p in matrices if p.shape == shape]} for shape in shapes]
        super().__init__(groups, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of all matrices from their gradients."""
        for group in self.param_groups:
            matrices = group["params"]
            gradient = torch.stack([p.grad for p in matrices])
            state = self.state[matrices[0]]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(gradient)
            momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
            update = orthogonalised(gradient.lerp(momentum, MOMENTUM))
            size = 0.2 * max(gradient.shape[1:]) ** 0.5
            update = update.to(gradient.dtype) * (-size * group["lr"])
            if group["decay"]:
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["decay"])
            torch._foreach_add_(matrices, list(update.unbind()))


def orthogonalised(matrices: Tensor) -> Tensor:
    """Bring all singular values of a stack (n, rows, columns) near one; in bfloat16."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        square = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, square, x, beta=a)
    return x.mT if tall else x
