"""Learned parts on disk: their sizes, compression, cards, and the loaded model."""
