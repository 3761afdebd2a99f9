"""The training loop: one captured step, a learning-rate schedule, checkpoints, resumption.

Muon trains the matrices between hidden layers, Adam the rest. Their rates are numbers on the
device and follow the schedule. The whole step (batch, roll-out, gradients, update) is one CUDA
graph.
"""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ldensf_core.device import recorded
from ldensf_core.training.muon import StackedMuon
from ldensf_core.weights.card import CheckpointError

WARM_UP = 500  # steps
CLIP = 1.0  # largest gradient norm
CHECKPOINT_SECONDS = 60
RATES = {"adam": 1e-3, "muon": 4e-3}
"""Peak learning rates."""


def schedule(step: int, steps: int) -> float:
    """Fraction of the peak rate: linear warm-up, then half a cosine down to zero at ``steps``."""
    warm_up = min(WARM_UP, steps // 10 + 1)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


class Trainer:
    """Minimise ``loss`` over the parameters of ``module`` that require a gradient.

    Args:
        loss: draws a batch (from the default generator of the device) and returns a scalar;
            on a GPU called once, to be captured, else at every step.
        hidden: the matrices for Muon; every other parameter goes to Adam.
        steps: length of the schedule.
        seed: of the batches.
        checkpoint: file to write to and, if it exists, to resume from.
        decay: weight decay of the hidden matrices (``StackedMuon``).

    Raises:
        CheckpointError: if the checkpoint is damaged or was written by another training.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[], Tensor],
        hidden: list[nn.Parameter],
        steps: int,
        seed: int,
        checkpoint: Path | None = None,
        decay: float = 0.0,
    ) -> None:
        self.module, self.loss, self.steps, self.checkpoint = module, loss, steps, checkpoint
        self.seed = seed
        trained = [p for p in module.parameters() if p.requires_grad]
        ids = {id(p) for p in hidden}
        device = trained[0].device
        adam = [p for p in trained if id(p) not in ids]
        self.rates = {name: torch.zeros((), dtype=torch.float32, device=device) for name in RATES}
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(
                adam,
                lr=self.rates["adam"],
                betas=(0.9, 0.99),
                fused=device.type == "cuda",
                capturable=device.type == "cuda",
            )
        ]
        if hidden:
            self.optimisers.append(StackedMuon(hidden, self.rates["muon"], decay))
        self.trained = trained
        self.step = 0
        self.last_loss = torch.zeros((), dtype=torch.float32, device=device)
        self._replay: Callable[[], None] = self._update
        self._prepare()
        torch.manual_seed(seed)  # the preparation has drawn batches
        if checkpoint is not None and checkpoint.exists():
            self._resume()

    def _update(self) -> None:
        """A whole step: batch, loss, gradients, and the change of every parameter."""
        for p in self.trained:
            p.grad = None
        loss = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, CLIP)
        for optimiser in self.optimisers:
            optimiser.step()
        self.last_loss.copy_(loss.detach())

    def _prepare(self) -> None:
        """Create the optimisers' state, set it to zero, and record the step on a GPU.

        The rates are still zero, so this changes no weight.
        """
        if self.last_loss.is_cuda:
            self._replay = recorded(self._update, self.last_loss.device)
        else:
            self._update()
        for optimiser in self.optimisers:
            for state in optimiser.state.values():
                for value in state.values():
                    value.zero_()

    def run(self, label: str, after_step: Callable[[int], None] = lambda step: None) -> None:
        """Take the remaining steps, with a progress bar and regular checkpoints.

        Args:
            after_step: called after each step with the number of steps so far.
        """
        saved = time.monotonic()
        bar = tqdm(total=self.steps, initial=self.step, desc=label, unit="step", mininterval=1.0)
        while self.step < self.steps:
            for name, rate in self.rates.items():
                rate.fill_(RATES[name] * schedule(self.step, self.steps))
            self._replay()
            self.step += 1
            after_step(self.step)
            bar.update()
            if self.step % 200 == 0 or self.step == self.steps:
                loss = self.last_loss.item()
                if not math.isfinite(loss):
                    raise FloatingPointError(f"{label}: loss is {loss} at step {self.step}")
                bar.set_postfix(loss=f"{loss:.3g}", refresh=False)
                if self.step == self.steps or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()
        bar.close()

    def _tensors(self) -> list[Tensor]:
        """All tensors that training changes, in a fixed order."""
        states = [o.state[p] for o in self.optimisers for g in o.param_groups for p in g["params"]]
        return [p.data for p in self.trained] + [v for s in states for v in s.values()]

    def save(self) -> None:
        """Write a checkpoint; a crash while writing leaves the previous one."""
        if self.checkpoint is None:
            return
        device = self.last_loss.device
        rng = torch.cuda.get_rng_state(device) if self.last_loss.is_cuda else torch.get_rng_state()
        partial = self.checkpoint.with_suffix(".partial")
        state = {"step": self.step, "rng": rng, "tensors": self._tensors()}
        torch.save({"steps": self.steps, "seed": self.seed, **state}, partial)
        partial.replace(self.checkpoint)

    def _resume(self) -> None:
        advice = "remove it to train this part again"
        try:
            with zipfile.ZipFile(self.checkpoint) as archive:  # torch ignores the checksums
                if entry := archive.testzip():
                    raise zipfile.BadZipFile(f"{entry} has a wrong checksum")
            kept = torch.load(
                self.checkpoint, map_location=self.last_loss.device, weights_only=True
            )
            step, settings = int(kept["step"]), (kept["steps"], kept["seed"])
            tensors, rng = list(kept["tensors"]), kept["rng"].cpu()
            shapes = [value.shape for value in tensors]
        except Exception as error:  # a damaged file raises many kinds of errors
            raise CheckpointError(f"{self.checkpoint} is damaged ({error}): {advice}") from error
        expected = [tensor.shape for tensor in self._tensors()]
        if settings != (self.steps, self.seed) or shapes != expected:
            raise CheckpointError(
                f"{self.checkpoint} was written by a training with other steps, seed or sizes of "
                f"the network: {advice}"
            )
        for tensor, value in zip(self._tensors(), tensors, strict=True):
            tensor.copy_(value)
        self.step = step
        torch.cuda.set_rng_state(rng) if self.last_loss.is_cuda else torch.set_rng_state(rng)
