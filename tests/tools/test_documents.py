"""What the documents at the root promise is there: commands, files, code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "book/how-to-use.md"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_exists(name):
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.M))
    assert named and named <= TARGETS


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_linked_file_exists(name):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_named_path_exists(name):
    paths = re.findall(
        r"`((?:book|dgm_lite|data|tests|tools|binder)/[\w./-]*)`", (ROOT / name).read_text(encoding="utf-8")
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_code_in_the_readme_runs():
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.S)[1]
    quick = re.sub(r"epochs=\d+", "epochs=1", code)
    assert quick != code
    done = subprocess.run(
        [sys.executable, "-c", quick], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d\.\d", done.stdout), done.stdout


def test_the_code_for_data_of_ones_own_runs(tmp_path):
    """A table of numbers, trained on for a moment; a file with a header, read by the names of its columns."""
    page = (
        (ROOT / "book" / "how-to-use.md").read_text(encoding="utf-8").partition("### On your own data\n")[2]
    )
    own, named = re.findall(r"```python\n(.*?)```", page, flags=re.S)[:2]
    numbers = [f"{k % 7},{k * k % 11}" for k in range(60)]
    (tmp_path / "mine.txt").write_text("\n".join(numbers).replace(",", " "))
    (tmp_path / "mine.csv").write_text(
        "kind,weight,height\n" + "\n".join(f"{'ab'[k % 2]},{line}" for k, line in enumerate(numbers))
    )
    quick = "from dgm_lite.training.config import TrainConfig\n" + own.replace(
        "fit(model, data)", "fit(model, data, TrainConfig(epochs=1))"
    )
    names = """
first = int(np.flatnonzero(order == 8)[0])  # where row 8 has gone: weight 1, height 9, kind a
assert table.shape == (60, 2) and (table[first] == [9, 1]).all() and y[first] == 0 and y.sum() == 30
"""
    done = subprocess.run(
        [sys.executable, "-c", f"{quick}\n{named}\n{names}"], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_are_well_formed(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["name"] and workflow[True]  # YAML reads the key `on` as true
    for job in workflow["jobs"].values():
        assert job["runs-on"] and all(("uses" in step) != ("run" in step) for step in job["steps"])


def test_workflows_test_every_python_we_promise():
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"][
        "test"
    ]["strategy"]["matrix"]
    assert matrix["python"] == classifiers


def test_both_licences_are_whole():
    assert "Permission is hereby granted, free of charge" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    text = (ROOT / "LICENSE-text").read_text(encoding="utf-8")
    assert all(f"Section {n} -- " in text for n in range(1, 9))
