"""Analyses as pure functions: score maps, Kalman and ensemble transforms, localisation."""
