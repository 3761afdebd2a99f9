"""What every test shares."""

import pytest
import torch


@pytest.fixture(autouse=True)
def same_random_state() -> None:
    """Networks draw their weights from torch's global generator: no test may depend on the last."""
    torch.manual_seed(0)
