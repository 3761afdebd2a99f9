"""Scores of estimates, over settings and truths."""
