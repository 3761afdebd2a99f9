"""Where a benchmark is true: a box or a globe, its axes, areas and distances, and bases there."""

from ldensf_core.domains.axis import Axis
from ldensf_core.domains.base import Domain
from ldensf_core.domains.box import Box
from ldensf_core.domains.globe import Globe

__all__ = ["Axis", "Box", "Domain", "Globe"]
