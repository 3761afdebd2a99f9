"""The encoder in use as six kernels (``kernels``), which is what makes it quick on a GPU."""

from __future__ import annotations

from types import ModuleType

from torch import Tensor

from ldensf_core.encoders.history import LOG_STD, HistoryEncoder


class FusedEncoder:
    """What ``ObservationHistory.encode`` does with torch, for one encoder and its buffers.

    Args:
        kernels: the module, where it works.
    """

    def __init__(self, encoder: HistoryEncoder, kernels: ModuleType) -> None:
        self.encoder, self.kernels = encoder, kernels
        size = encoder.recur.hidden_size
        like = encoder.mean
        self.first = like.new_empty(encoder.read[0].out_features)
        self.both = like.new_empty(2 * size)  # what the observation says, and the new memory
        self.hidden = like.new_empty(size)
        self.told = like.new_empty(2, len(like))

    def __call__(
        self, matrix: Tensor, context: Tensor, values: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add an observation to ``memory`` (1, memory), in place.

        Args:
            matrix, context, values: the first layer's result is matrix @ values + context.

        Returns:
            mean and standard deviation of (s, u) in units of the encoder's, each (L+P,), in
            buffers that the next call overwrites.
        """
        k, encoder = self.kernels, self.encoder
        says, remembered = self.both.chunk(2)
        k.dense(matrix, context, values, self.first, gelu=True)
        k.dense(encoder.read[2].weight, encoder.read[2].bias, self.first, says, gelu=True)
        k.gru(encoder.recur, says, memory[0], remembered)
        memory[0].copy_(remembered)
        k.dense(encoder.write[0].weight, encoder.write[0].bias, self.both, self.hidden, gelu=True)
        k.told(encoder.write[2].weight, encoder.write[2].bias, self.hidden, *LOG_STD, self.told)
        return self.told[0], self.told[1]
