"""The encoder in use: observations come one at a time, from one network of sensors.

Interpolation and the encoder's first layer are both linear in the measured values, so that for
given sensors they are one matrix; what that layer takes from the time and from what stays unknown
is a table by snapshot. An observation costs one product with that matrix; the values and a row of
the table are all that has to reach the device.
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
"""Sensors that there is room for at least; the room doubles when it does not suffice."""


class ObservationHistory:
    """The history of observations of one run, in the encoder's memory.

    Args:
        encoder: on the device where it is to work.

    Attributes:
        room: sensors that fit the buffers; they are others once it has grown.
        encode_single: the encoder's layers behind the first, as this device does them best.
        memory: the recurrent state, (1, memory).
    """

    def __init__(self, benchmark: Benchmark, encoder: HistoryEncoder) -> None:
        self.benchmark, self.encoder = benchmark, encoder
        self.memory = encoder.mean.new_zeros(1, encoder.recur.hidden_size)
        self.room = 0
        self._layout: tuple | None = None  # that the matrix and the table are for
        self._taken_in: Observation | None = None
        self.encode_single = SingleEncoder(encoder, cycle_functions(self.memory.device))

    def reset(self) -> None:
        """Forget all observations, though not where the sensors stand."""
        self.memory.zero_()

    @torch.inference_mode()
    def update(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Add an observation; returns mean and standard deviation of (s, u), each (L+P,)."""
        self.take(observation)
        mean, std = self.encode()
        return self.encoder.mean + self.encoder.std * mean, self.encoder.std * std

    def take(self, observation: Observation) -> None:
        """Copy an observation, on the CPU, to where ``encode`` takes it from.

        What is there already is not copied again: its values must not change in between.
        """
        if observation is self._taken_in:
            return
        self._taken_in = None  # until all of it is there
        wait(self.memory.device)  # the transfer before this one reads from the same place
        if observation.layout != self._layout:
            self._layout = None  # while matrix and table are written, they are nobody's
            self._prepare(observation)
            self._layout = observation.layout
        # In NumPy: a call of torch lets another thread have the interpreter, and waits for it.
        self._slots[:] = observation.values.cpu().numpy()
        if self._gaps:
            np.nan_to_num(self._slots, copy=False, nan=0.0)
        self._row[:] = self._by_time[observation.index]
        self._taken_in = observation

    def encode(self) -> tuple[Tensor, Tensor]:
        """Add what ``take`` put there to the memory; all but its transfer is done on the device.

        Returns:
            mean and standard deviation of (s, u) in units of the encoder's, each (L+P,), in
            buffers that the next call overwrites.
        """
        if self._staging is not None:
            self._taken.copy_(self._staging.values, non_blocking=True)
        return self.encode_single(self._matrix, self._context, self._values, self.memory[0])

    def _prepare(self, observation: Observation) -> None:
        """The matrix and the table for these sensors, their noise and their gaps."""
        encoder, like = self.encoder, self.memory
        n, v = observation.values.shape
        if n > self.room:
            room = max(FEWEST, 1 << (n - 1).bit_length())
            width = encoder.read[0].out_features
            matrix = like.new_zeros(width, v * room)
            taken = like.new_zeros(v * room + width)
            values, context = taken.split([v * room, width])
            # Values and context are put together on the CPU, and reach a GPU in one transfer.
            staging = Staging(len(taken)) if like.is_cuda else None
            # All at once: where memory does not suffice, the smaller buffers stay in use.
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
