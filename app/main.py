"""What ``panel serve app`` runs for every browser that comes."""

from app import Dashboard

Dashboard().servable()
