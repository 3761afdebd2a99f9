"""The encoder for a single history, with fixed buffers.

The module ``HistoryEncoder`` takes batches of sequences. Here the functions of ``kernels`` or
``layers`` pass one vector from layer to layer.
"""

from __future__ import annotations

from types import ModuleType

from torch import Tensor

from ldensf_core.encoders.history import LOG_STD, HistoryEncoder


class SingleEncoder:
    """An encoder's layers after the first.

    Args:
        functions: ``kernels`` or ``layers``.
    """

    def __init__(self, encoder: HistoryEncoder, functions: ModuleType) -> None:
        self.functions, self.recur = functions, encoder.recur
        self.second, self.third, self.last = (
            (layer.weight, layer.bias)
            for layer in (encoder.read[2], encoder.write[0], encoder.write[2])
        )
        size, like = encoder.recur.hidden_size, encoder.mean
        self.first = like.new_empty(encoder.read[0].out_features)
        self.both = like.new_empty(2 * size)  # output of the observation, and the new memory
        self.hidden = like.new_empty(size)
        self.told = like.new_empty(2, len(like))

    def __call__(
        self, matrix: Tensor, context: Tensor, values: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add an observation to ``memory`` (memory,), in place.

        Args:
            matrix, context, values: the first layer's result is matrix @ values + context.

        Returns:
            mean and standard deviation of (s, u) in the encoder's units, each (L+P,), in buffers
            that the next call overwrites.
        """
        f = self.functions
        says, remembered = self.both.chunk(2)
        f.dense(matrix, context, values, self.first, gelu=True)
        f.dense(*self.second, self.first, says, gelu=True)
        f.gru(self.recur, says, memory, remembered)
        f.dense(*self.third, self.both, self.hidden, gelu=True)
        f.told(*self.last, self.hidden, *LOG_STD, self.told)
        memory.copy_(remembered)  # last, so that an interrupted call leaves the memory unchanged
        return self.told[0], self.told[1]
