"""The shipped weights, one folder a benchmark: installed as ``ldensf_core.pretrained``."""
