"""The stacked optimiser against torch's own, matrix by matrix."""

import pytest
import torch

from ldensf_core.training.muon import StackedMuon, orthogonalised

SHAPES = [(24, 24), (24, 24), (40, 24), (16, 32), (24, 24)]


def matrices(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_steps_are_those_of_torch(decay):
    ours, theirs = matrices(0), matrices(0)
    rate = torch.tensor(0.02)
    mine = StackedMuon(ours, rate, decay)
    reference = torch.optim.Muon(
        theirs, lr=0.02, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
    )
    for step in range(6):
        for p, gradient in zip(ours + theirs, 2 * matrices(10 + step), strict=True):
            p.grad = gradient.detach().clone()
        mine.step()
        reference.step()
        for p, q, start in zip(ours, theirs, matrices(0), strict=True):
            moved = (q - start).norm()
            assert moved > 0.01
            # Products in half precision, in another order.
            assert (p - q).norm() < 0.02 * moved


def test_rate_is_read_at_every_step():
    (p, *_), rate = matrices(0), torch.tensor(0.0)
    optimiser = StackedMuon([p], lr=rate)
    before = p.detach().clone()
    p.grad = torch.ones_like(p)
    optimiser.step()
    assert torch.equal(p, before)
    rate.fill_(0.1)
    optimiser.step()
    assert (p - before).abs().max() > 0.001


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 30, 12), (4, 12, 30)])
def test_singular_values_are_brought_near_one(shape):
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    before, after = (torch.linalg.svdvals(x.float()) for x in (stack, orthogonalised(stack)))
    assert before.max() / before.min() > 3
    assert after.max() < 1.3 and after.min() > 0.3
    # The singular vectors stay: the polar factor is close by.
    u, _, v = torch.linalg.svd(stack, full_matrices=False)
    assert (
        torch.nn.functional.cosine_similarity(
            (u @ v).flatten(1), orthogonalised(stack).float().flatten(1)
        ).min()
        > 0.95
    )
