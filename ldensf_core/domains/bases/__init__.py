"""Bases of normalised fields: one file a kind."""

from ldensf_core.domains.bases.base import Basis, Group
from ldensf_core.domains.bases.periodic import PeriodicBasis
from ldensf_core.domains.bases.solenoidal import SolenoidalBasis
from ldensf_core.domains.bases.sphere import SphereBasis
from ldensf_core.domains.bases.walls import WallBasis

__all__ = ["Basis", "Group", "PeriodicBasis", "SolenoidalBasis", "SphereBasis", "WallBasis"]
