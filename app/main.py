"""What ``panel serve app`` runs for every browser that comes."""

from ldensf_app import Dashboard

Dashboard().servable()
