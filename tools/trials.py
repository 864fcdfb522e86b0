"""A process that tries mutants: it has the libraries in memory and forks for each run of pytest.

    .venv/bin/python tools/trials.py TREE        reads lines of tests from stdin, answers with pytest's code

Starting Python and importing torch would take longer than most trials. Part of tools/mutants.py.
"""

import os
import signal
import sys
import time

import matplotlib.pyplot  # noqa: F401
import pytest
import sklearn.datasets
import sklearn.linear_model  # noqa: F401
import torch

LIMIT = 1500  # seconds: a mutant that hangs is caught; no honest run takes as long


def code_of(tests: list[str]) -> int:
    """Pytest's exit code in a process of its own; 124 where it had to be stopped."""
    child = os.fork()
    if child == 0:
        os.setsid()  # whatever the tests start ends with them
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--timeout=300", *tests]))
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    torch.set_num_threads(1)  # threads do not survive a fork
    sys.path.insert(0, sys.argv[1])
    for line in sys.stdin:
        print(code_of(line.split()), flush=True)
