"""How the learned parts are made."""
