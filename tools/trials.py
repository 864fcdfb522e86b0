"""A process that runs tests in a copy of the tree, again and again. Part of tools/mutants.py.

    .venv/bin/python tools/trials.py TREE        reads lines of JSON from stdin and answers each with one

It has the libraries in memory and forks for each run: starting Python and importing torch would take longer
than most runs. ``{"tests": [...]}`` gives pytest's exit code, or 124 where a run had to be stopped.
``{"tests": [...], "watched": FILE}`` writes what each test took and which lines it went through as well.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import matplotlib.pyplot  # noqa: F401
import pytest
import sklearn.datasets
import sklearn.linear_model  # noqa: F401
import torch
from coverage import Coverage

LIMIT = 1500  # seconds: no honest run takes as long


class Watch:
    """A plugin of pytest: seconds of each test, and the lines of the package that it goes through.

    What a fixture does counts for the test that was the first to ask for it.
    """

    def __init__(self):
        self.coverage = Coverage(data_file=None, source=["dgm_lite"])
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def lines(self) -> dict[str, dict[int, list[str]]]:
        """For each file and line of the package the tests that went through it."""
        data = self.coverage.get_data()
        return {
            Path(file).relative_to(Path.cwd()).as_posix(): {
                line: [test for test in tests if test]
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }


def run(tests: list[str], watched: str | None) -> int:
    """Pytest's exit code in this process."""
    options = ["-q", "-p", "no:cacheprovider", "--timeout=300"]
    if watched is None:
        return pytest.main([*options, "-x", *tests])
    watch = Watch()
    watch.coverage.start()
    code = pytest.main([*options, *tests], plugins=[watch])
    watch.coverage.stop()
    Path(watched).write_text(json.dumps({"seconds": watch.seconds, "lines": watch.lines()}))
    return code


def code_of(tests: list[str], watched: str | None = None) -> int:
    """Pytest's exit code in a process of its own; 124 where it had to be stopped."""
    child = os.fork()
    if child == 0:
        os.setsid()  # whatever the tests start ends with them
        out = os.open(f"{watched}.log" if watched else os.devnull, os.O_RDWR | os.O_CREAT)
        for stream in (0, 1, 2):
            os.dup2(out, stream)
        os._exit(run(tests, watched))
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
        print(code_of(**json.loads(line)), flush=True)
