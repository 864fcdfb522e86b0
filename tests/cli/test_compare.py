"""``compare``: goes on where it was, and nothing is lost where two work on one file."""

import os
import subprocess
import sys

import pytest

from dgm_lite.cli import compare
from dgm_lite.cli.main import main
from dgm_lite.comparison import jobs, results
from dgm_lite.training.fit import Run
from tests.cli.conftest import ROOT, said


@pytest.fixture
def small_images(monkeypatch):
    """Timing large images takes a minute; two small sizes, each once, do for a test."""
    monkeypatch.setattr(jobs, "SIZES", (4, 16))
    monkeypatch.setattr(jobs, "SECONDS", 1e-9)


def test_compare_measures_goes_on_and_says_what_it_wrote(tmp_path, capsys, small_images):
    out = tmp_path / "results.json"
    assert main(["compare", "--only", "sampling", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert (
        "causal-arm, cached" in said and "an image of 16 numbers" in said and f"wrote {out}: 12 rows" in said
    )
    before = out.read_text()
    assert main(["compare", "--only", "sampling", "--out", str(out)]) == 0
    assert out.read_text() == before, "measured again what was in the file"
    assert main(["compare", "--only", "sampling", "--epochs", "2", "--out", str(out)]) == 2
    assert "made with other settings" in capsys.readouterr().err and out.read_text() == before


def test_compare_stopped_keeps_what_it_has(tmp_path, capsys, monkeypatch, small_images):
    out, honest, calls = tmp_path / "results.json", results.Job.rows, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return honest(self)

    monkeypatch.setattr(results.Job, "rows", interrupted)
    assert main(["compare", "--only", "sampling", "--out", str(out)]) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert len({row["model"] for row in results.read(out)[1]}) == 2


def test_compare_stopped_in_a_training_keeps_no_number_of_it(tmp_path, capsys, monkeypatch):
    """What is half trained is not measured."""
    honest, calls = Run.train, []

    def interrupted(self, batches):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        honest(self, batches)

    monkeypatch.setattr(Run, "train", interrupted)
    out = tmp_path / "results.json"
    assert main(["compare", "--only", "stability", "--epochs", "2", "--seeds", "1", "--out", str(out)]) == 130
    assert len({row["model"] for row in results.read(out)[1]}) == 1


def test_the_parts_are_those_that_there_are():
    assert ",".join(jobs.PARTS) == compare.PARTS


@pytest.mark.parametrize("words", ["--seeds 0", "--seeds 1000000000000", "--epochs 0", "--epochs -1"])
def test_counts_that_nobody_means(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *words.split()]) == 2
    assert (
        f"compare: expected {words.split()[0]} from 1 to" in said(capsys) and list(tmp_path.iterdir()) == []
    )


def test_two_processes_on_one_file_lose_no_row(tmp_path):
    """Each adds thirty rows to the same file, one at a time; one of the jobs is on both lists."""
    code = """
import sys, time
from dgm_lite.comparison.results import Job, run
def work(seed):
    time.sleep(0.01)
    yield "nats", float(seed), "nats"
names = [*(f"{sys.argv[2]}{k}" for k in range(30)), "both"]
run(sys.argv[1], [Job("digits", name, 0, work) for name in names], command="c", bar=False)
"""
    file = tmp_path / "r.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(file), who], env=environment) for who in ("a", "b")
    ]
    assert [p.wait(120) for p in both] == [0, 0]
    models = [row["model"] for row in results.read(file)[1]]
    assert sorted(models) == sorted([f"{who}{k}" for who in "ab" for k in range(30)] + ["both"])


def test_a_bad_place_is_found_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results.Job, "rows", lambda self: pytest.fail("measured"))
    assert main(["compare", "--out", str(tmp_path)]) == 2
    assert "which is a folder" in said(capsys)
