"""What the tests of the command line share."""

import os
import subprocess
import sys
from pathlib import Path

from dgm_lite.datasets import files

ROOT = Path(__file__).resolve().parents[2]
ARM = files.path("causal_arm_digits.safetensors")


def run(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess:
    """The command in a process of its own, elsewhere than in the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("DISPLAY", None)
    command = [sys.executable, "-m", "dgm_lite", *map(str, words)]
    return subprocess.run(
        command, cwd=folder or ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def said(capsys) -> str:
    """What stands on stderr, which is one line."""
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1, shown
    return shown.err
