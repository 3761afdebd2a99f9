"""A server that forks into several processes asks for a GPU in each of them, and never before."""

import subprocess
import sys

CHECK = """
import torch

def touched(*_):
    raise AssertionError("CUDA was asked for by an import")

for name in ("is_available", "device_count", "init", "_lazy_init", "current_device"):
    setattr(torch.cuda, name, touched)

import ldensf_app, ldensf_app.sessions, ldensf_core.cli
"""


def test_no_import_asks_for_a_gpu():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
