"""Description of this machine, for comparing tables."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import torch


def environment() -> dict[str, Any]:
    """The machine and the software versions."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": machine_name(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def machine_name(device: torch.device) -> str:
    """A device's full name, for comparing rows."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()})"
