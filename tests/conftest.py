"""What all tests share: one thread, fixed seeds, and no window."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import pytest
import torch

torch.set_num_threads(1)
# A job in the background ignores Ctrl-C, and so would all processes that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
matplotlib.use("Agg")  # in this process only: the kernels of notebooks draw into the notebook


@pytest.fixture(autouse=True)
def seed():
    """Each test starts from the same global seed, whatever ran before it on this worker."""
    torch.manual_seed(0)
