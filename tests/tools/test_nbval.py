"""How notebooks are compared: figures and times may differ between machines, verdicts and facts may not."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import check, notebooks

ROOT = Path(__file__).resolve().parents[2]
CARD = """from dgm_lite.claims import claim
figures = {"p falls to": (value, "{:.3f}")}
note = f"{10 + 2} of 20 pictures"
claim("why-noise", figures, lambda f: f["p falls to"] < 0.5, note=note, more_exactly="it can")
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> str:
    """A notebook that was run."""
    path = tmp_path_factory.mktemp("stored") / "a.ipynb"
    marked = {"tags": ["nbval-check-output"]}
    cells = [
        new_code_cell("value = 0.25"),
        new_code_cell(CARD, metadata=marked),
        new_code_cell("print('fact:', 1 + 2, 'of 4'); print('took', value, 's')", metadata=marked),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    notebooks.run(path, "https://example.invalid/a/b", timeout=60)
    return path.read_text(encoding="utf-8")


def compare(path: Path, text: str, *replacements: tuple[str, str]) -> subprocess.CompletedProcess:
    """Change what is stored as if it came from elsewhere, and compare as `make test` does."""
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", *check.NBVAL, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_other_figures_and_times_pass(tmp_path, stored):
    done = compare(
        tmp_path / "a.ipynb", stored, ("0.250", "0.243"), ("12 of 20", "13 of 20"), ("0.25 s", "0.31 s")
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("old, new", [("holds, more exactly put", "fails"), ("3 of 4", "2 of 4")])
def test_another_verdict_or_fact_fails(tmp_path, stored, old, new):
    assert compare(tmp_path / "a.ipynb", stored, (old, new)).returncode == 1
