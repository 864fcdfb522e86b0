"""The wheel as a git address gives it, and an environment like Colab's, made once for all tests here."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# What Colab ships. Its torch is older than ours; the range in pyproject.toml takes both.
COLAB = {
    "numpy": "2.1.3",
    "scikit-learn": "1.6.1",
    "matplotlib": "3.10.0",
    "ipywidgets": "7.7.1",
    "anywidget": "0.9.21",
    "accelerate": "1.14.0",
    "networkx": "3.6.1",
}
TORCH = re.search(r"^torch==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), flags=re.M)[1]


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command away from this environment; what it printed.

    Raises:
        AssertionError: If it fails, with all that it said.
    """
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV", "JUPYTER_PATH"}}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env={**clean, "OMP_NUM_THREADS": "1", **env},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}"
    return done.stdout


def torch_and_what_it_needs() -> set[str]:
    """torch and every package below it, but for those whose version Colab decides."""
    found, todo = set(), ["torch"]
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found or name in COLAB:
            continue
        found.add(name)
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                todo.append(need.name)
    return found


def link(name: str, target: Path) -> None:
    """Let another environment use an installed package of this one, and know that it does."""
    for file in metadata.files(name) or []:
        top = file.parts[0]
        source = Path(metadata.distribution(name).locate_file(top))
        if top not in ("..", "__pycache__", "bin") and source.exists() and not (target / top).exists():
            (target / top).symlink_to(source.resolve())


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A git repository with the files that git tracks here: what an install from the address gets."""
    folder = tmp_path_factory.mktemp("checkout") / "dgm-lite"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    me = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A", "-f"], [*me, "commit", "-q", "-m", "all"]):
        run("git", *command, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(checkout, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, checkout, cwd=out)
    (found,) = out.glob("*.whl")
    return found


class Colab:
    """An environment with Colab's versions of what Colab decides, and the torch of requirements.txt."""

    def __init__(self, folder: Path):
        self.folder = folder
        run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
        self.python = folder / "bin" / "python"
        self.site = Path(self("import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        for name in torch_and_what_it_needs():  # the same files: a second copy would take a minute and 2 GB
            link(name, self.site)
        self.install(*(f"{name}=={version}" for name, version in COLAB.items()))

    def pip(self, *args: str | Path) -> str:
        """pip of this Python, acting on that environment."""
        return run(
            sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", *args,
            cwd=self.folder,
        )  # fmt: skip

    def install(self, *what: str | Path) -> None:
        self.pip("install", "-q", "--no-compile", *what)

    def __call__(self, code: str, cwd: Path | None = None) -> str:
        """Run Python code there."""
        return run(self.python, "-c", code, cwd=cwd or self.folder)

    def versions(self) -> dict[str, str]:
        """What is installed there, by canonical name."""
        return json.loads(
            self(
                "import json; from importlib.metadata import distributions as found;"
                "name = lambda d: d.name.lower().replace('_', '-').replace('.', '-');"
                "print(json.dumps({name(d): d.version for d in found()}))"
            )
        )


@pytest.fixture(scope="session")
def colab(tmp_path_factory) -> Colab:
    return Colab(tmp_path_factory.mktemp("colab") / "env")
