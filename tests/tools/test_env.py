"""`make env` where something is missing: it says what, and the line that helps."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = """#!/bin/sh
case "$*" in
    *version_info\\ *3,\\ 11*) exit {new_enough} ;;
    *ensurepip*) exit {has_venv} ;;
    *version_info*) echo 3.11 ;;
    *) echo "Python 3.x" ;;
esac
"""


@pytest.fixture
def env(tmp_path):
    """env(python) runs a copy of tools/env.sh where only a few tools and this python3 are to be found."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/env.sh", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("cat", "cksum", "dirname", "grep", "tail"):
        (tools / name).symlink_to(shutil.which(name))

    def run(python: str | None) -> subprocess.CompletedProcess:
        if python:
            (tools / "python3").write_text(python, encoding="utf-8")
            (tools / "python3").chmod(0o755)
        command = [shutil.which("sh"), "tools/env.sh"]
        return subprocess.run(command, cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("python", [None, STUB.format(new_enough=1, has_venv=0)], ids=["none", "too old"])
def test_without_a_new_enough_python(env, python):
    done = env(python)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr and "sudo apt install" in done.stderr


def test_without_the_venv_module(env):
    done = env(STUB.format(new_enough=0, has_venv=1))
    assert done.returncode == 1
    assert "has no venv module" in done.stderr and "sudo apt install python3-venv" in done.stderr


def test_nothing_is_done_twice():
    done = subprocess.run(["sh", "tools/env.sh"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
