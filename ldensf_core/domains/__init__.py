"""Domains of benchmarks: box or globe, with axes, areas, distances and bases of fields."""

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.base import Domain
from ldensf_core.domains.box import Box
from ldensf_core.domains.globe import Globe

__all__ = ["Axis", "Box", "Domain", "Globe"]
