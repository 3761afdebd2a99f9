"""The trained networks of one benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from ldensf_core.benchmarks import Benchmark, labels
from ldensf_core.encoders import HistoryEncoder
from ldensf_core.surrogate import LDNet, SurrogateError


@dataclass(frozen=True, eq=False)
class LatentModel:
    """A trained LDNet with its history encoder.

    Attributes:
        error: of the LDNet, measured on the validation runs.
        card: training, errors and calibration, from card.json.
    """

    benchmark: Benchmark
    ldnet: LDNet
    encoder: HistoryEncoder
    error: SurrogateError
    card: dict[str, Any]
    device: torch.device

    @torch.inference_mode()
    def predict(self, parameters: xr.Dataset | Mapping[str, float]) -> xr.Dataset:
        """Predict fields with LDNet alone: like ``Benchmark.simulate``, without the PDE."""
        values = self.benchmark.parameter_array(parameters)
        physical = torch.as_tensor(np.atleast_2d(values), dtype=torch.float32, device=self.device)
        unit = self.benchmark.unit_parameters(physical)
        states = self.ldnet.rollout(unit, self.benchmark.n_times)
        fields = np.stack(
            [self.benchmark.denormalise(self.ldnet.decode(run)).cpu().numpy() for run in states]
        )
        return labels.field_dataset(self.benchmark, fields, values, "the surrogate")
