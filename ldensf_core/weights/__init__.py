"""Trained networks on disk: sizes, compression, cards, and the loaded model."""
