"""The encoder in use: one observation at a time.

Interpolation and the encoder's first layer are linear in the measured values: for given sensors
they are one matrix. The contributions of time and unknown shares to that layer are a table by
snapshot. An observation costs one product with the matrix, and only its values and a row of the
table are sent to the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ldensf_core.benchmarks import Benchmark
from ldensf_core.device import Staging, wait
from ldensf_core.encoders.history import HistoryEncoder
from ldensf_core.encoders.single import SingleEncoder
from ldensf_core.latent_cycle import cycle_functions
from ldensf_core.observations import Observation

FEWEST = 64
"""Least number of sensors that the buffers hold; it doubles when more are needed."""


class ObservationHistory:
    """The observations of one run so far, in the encoder's memory.

    Args:
        encoder: on the device to use.

    Attributes:
        room: number of sensors that the buffers hold; growing replaces the buffers.
        encode_single: the encoder's layers after the first, in the fastest form for this device.
        memory: the recurrent state, (1, memory).
    """

    def __init__(self, benchmark: Benchmark, encoder: HistoryEncoder) -> None:
        self.benchmark, self.encoder = benchmark, encoder
        self.memory = encoder.mean.new_zeros(1, encoder.recur.hidden_size)
        self.room = 0
        self._layout: tuple | None = None  # of the matrix and the table
        self._taken_in: Observation | None = None
        self.encode_single = SingleEncoder(encoder, cycle_functions(self.memory.device))

    def reset(self) -> None:
        """Forget all observations, but keep the matrix for the sensors."""
        self.memory.zero_()

    @torch.inference_mode()
    def update(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Add an observation; returns mean and standard deviation of (s, u), each (L+P,)."""
        self.take(observation)
        mean, std = self.encode()
        return self.encoder.mean + self.encoder.std * mean, self.encoder.std * std

    def take(self, observation: Observation) -> None:
        """Copy an observation, on the CPU, to where ``encode`` reads it.

        The same observation is not copied again, so its values must not change.
        """
        if observation is self._taken_in:
            return
        self._taken_in = None  # until the copy is complete
        wait(self.memory.device)  # the previous transfer reads from the same place
        if observation.layout != self._layout:
            self._layout = None  # matrix and table are invalid while being written
            self._prepare(observation)
            self._layout = observation.layout
        # In NumPy: a call of torch would release the interpreter, and wait to get it back.
        self._slots[:] = observation.values.cpu().numpy()
        if self._gaps:
            np.nan_to_num(self._slots, copy=False, nan=0.0)
        self._row[:] = self._by_time[observation.index]
        self._taken_in = observation

    def encode(self) -> tuple[Tensor, Tensor]:
        """Add the observation from ``take`` to the memory; computes on the device.

        Returns:
            mean and standard deviation of (s, u) in the encoder's units, each (L+P,), in buffers
            that the next call overwrites.
        """
        if self._staging is not None:
            self._taken.copy_(self._staging.values, non_blocking=True)
        return self.encode_single(self._matrix, self._context, self._values, self.memory[0])

    def _prepare(self, observation: Observation) -> None:
        """Make matrix and table for these sensors, noise and gaps."""
        encoder, like = self.encoder, self.memory
        n, v = observation.values.shape
        if n > self.room:
            room = max(FEWEST, 1 << (n - 1).bit_length())
            width = encoder.read[0].out_features
            matrix = like.new_zeros(width, v * room)
            taken = like.new_zeros(v * room + width)
            values, context = taken.split([v * room, width])
            # Values and context are joined on the CPU, to reach a GPU in one transfer.
            staging = Staging(len(taken)) if like.is_cuda else None
            # In one assignment: if memory runs out, the smaller buffers stay in use.
            self.room, self._matrix, self._taken = room, matrix, taken
            self._values, self._context, self._staging = values, context, staging
        staged = self._taken if self._staging is None else self._staging.values
        values, self._row = np.split(staged.numpy(), [v * self.room])
        values[:] = 0.0
        self._slots = values.reshape(v, self.room)[:, :n].T
        self._gaps = not observation.complete
        moved = observation.to(like.device)
        mean, std = self.benchmark.mean(like), self.benchmark.std(like)
        gain, unknown = encoder.interpolation.gain(moved.positions, moved.present, moved.std / std)
        first = encoder.read[0].weight[:, : len(gain)] @ gain.flatten(1)
        first = first.unflatten(1, (v, n))
        by_value = torch.zeros_like(self._matrix).unflatten(1, (v, self.room))
        by_value[..., :n] = first / std[:, None]
        self._matrix.copy_(by_value.flatten(1))
        rest = encoder.interpolation.basis.rest + mean / std
        index = torch.arange(self.benchmark.n_times, device=like.device)
        by_time = (
            encoder.first_layer(
                gain.new_zeros(len(index), len(gain)), unknown.expand(len(index), -1), index
            )
            - first.sum(-1) @ rest
        )
        self._by_time = by_time.cpu().numpy()
