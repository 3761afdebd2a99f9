"""The newest measurements, beside what the surrogate says of them.

The decoder is the observation operator: it is evaluated at the sensors, however they stand. What it
needs for that is prepared once for each network of sensors; an observation then costs a copy of its
values and of their errors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ldensf_core.device import Staging, wait
from ldensf_core.observations import Observation, SensorNetwork
from ldensf_core.observations.innovation import SMALLEST_NOISE
from ldensf_core.weights.model import LatentModel


class Measured:
    """N = n V measurements of normalised fields, and the surrogate's values of them.

    Attributes:
        taken: number of observations taken with the present network of sensors; a new network
            replaces all buffers.
        predict: latent (..., L) → normalised fields at the sensors, (..., n, V).
    """

    predict: Callable[[Tensor], Tensor]

    def __init__(self, model: LatentModel) -> None:
        self.model, self.taken = model, 0
        self._sensors: SensorNetwork | None = None
        self._taken_in: Observation | None = None

    @torch.inference_mode()
    def take(self, observation: Observation) -> None:
        """Copy an observation, on the CPU, to where ``receive`` reads it.

        The same observation is not copied again, so its values must not change.
        """
        if observation is self._taken_in:
            return
        self._taken_in = None  # until the copy is complete
        wait(self.model.device)  # the previous transfer reads from the same place
        if observation.sensors != self._sensors:
            self._prepare(observation.sensors)
        benchmark = self.model.benchmark
        values = observation.values.cpu()
        std = benchmark.std(values)
        normalised = ((values - benchmark.mean(values)) / std).numpy()
        noise = (observation.std.cpu() / std).clamp_min(SMALLEST_NOISE).square().numpy()
        missing = ~np.isfinite(normalised)
        self._rows[0] = np.where(missing, 0.0, normalised).ravel()
        self._rows[1] = np.where(missing, np.inf, noise).ravel()
        self._rows[2] = self._errors[observation.index]
        self.taken += 1
        self._taken_in = observation

    def receive(self) -> None:
        """Transfer what ``take`` has copied to the device; can be recorded."""
        if self._staging is not None:
            self._taken.copy_(self._staging.values.view_as(self._taken), non_blocking=True)

    @property
    def values(self) -> Tensor:
        """Normalised measurements, (N,); 0 where missing."""
        return self._taken[0]

    @property
    def noise(self) -> Tensor:
        """Variance of their noise, (N,); infinite where missing."""
        return self._taken[1]

    @property
    def error(self) -> Tensor:
        """Variance of the surrogate's error there, (N,), for parameters with factor 1."""
        return self._taken[2]

    def _prepare(self, sensors: SensorNetwork) -> None:
        model = self.model
        self._sensors = None  # all is invalid while it is being replaced
        self.predict, errors = model.at_sensors(sensors)
        self._errors = errors.flatten(1).cpu().numpy()
        n = self._errors.shape[1]
        self._taken = torch.zeros(3, n, dtype=torch.float32, device=model.device)
        self._staging = Staging(3 * n) if self._taken.is_cuda else None
        on_cpu = self._taken if self._staging is None else self._staging.values.view(3, n)
        self._rows = on_cpu.numpy()
        self._sensors, self.taken = sensors, 0
