"""What is measured: sensor networks, noise, missing data."""

from ldensf_core.observations.innovation import Innovation
from ldensf_core.observations.observation import Observation
from ldensf_core.observations.sensors import LAYOUTS, SensorNetwork

__all__ = ["LAYOUTS", "Innovation", "Observation", "SensorNetwork"]
