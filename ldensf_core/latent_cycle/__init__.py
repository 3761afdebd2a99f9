"""One latent cycle as fast as the device allows: in torch, and in Triton."""

from ldensf_core.latent_cycle.choice import cycle_functions

__all__ = ["cycle_functions"]
