"""Numbers to measure."""

import pytest
import torch

NORMAL = torch.Generator().manual_seed(0)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="takes a GPU")


def draws(*shape) -> torch.Tensor:
    return torch.randn(*shape, generator=NORMAL, dtype=torch.float64)
