"""What ``panel serve app`` runs for every browser that comes.

``ldensf app --device`` says by the environment where to compute.
"""

import os

from ldensf_app import Dashboard

device = os.environ.get("LDENSF_DEVICE")
Dashboard(**({"device": device} if device else {})).servable()
