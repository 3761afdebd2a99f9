"""The trained networks of one benchmark."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ldensf_core.benchmarks import Benchmark, labels
from ldensf_core.device import wait
from ldensf_core.encoders import HistoryEncoder
from ldensf_core.observations import SensorNetwork
from ldensf_core.surrogate import LDNet, SurrogateError

NETWORKS = 32
"""Number of sensor networks whose observation operators are kept."""


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
    _seen: OrderedDict[SensorNetwork, tuple[Callable[[Tensor], Tensor], Tensor]] = field(
        default_factory=OrderedDict, init=False, repr=False
    )
    _preparing: Any = field(default_factory=threading.Lock, init=False, repr=False)

    @torch.inference_mode()
    def at_sensors(self, sensors: SensorNetwork) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """The surrogate as seen by sensors; kept for the latest few networks.

        Returns:
            latent (..., L) → normalised fields at the sensors (..., n, V), and the variance of the
            surrogate's error there at every snapshot, (T, n, V), to be multiplied by
            ``error.factor(parameters)`` squared.
        """
        with self._preparing:
            if sensors not in self._seen:
                places = torch.as_tensor(sensors.positions, device=self.device)
                predict = self.ldnet.decoder.probe(places)
                self._seen[sensors] = predict, self.error.at_sensors(sensors)
                wait(self.device)  # threads in other streams use it too
            self._seen.move_to_end(sensors)
            if len(self._seen) > NETWORKS:
                self._seen.popitem(last=False)
            return self._seen[sensors]

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
