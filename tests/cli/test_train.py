"""``train``: what it writes, when it stops, and what it refuses."""

import functools
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dgm_lite import catalog, outputs, weights
from dgm_lite.cli.main import main
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.training import fit as fitting
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Run
from tests.cli.conftest import ROOT, run, said

MIXTURE = ["train", "gaussian-mixture", "--epochs", "2"]


def test_train_again_evaluate_and_sample(tmp_path, monkeypatch, capsys):
    """The reader's path: train a little, go on from the checkpoint, measure, draw."""
    few = ["train", "gaussian-mixture", "--epochs", "3", "--checkpoint", "run.ckpt", "--seed", "4"]
    done = run(*few, "--out", "new/first.safetensors", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "3 epochs" in done.stdout and "nats" in done.stdout and "wrote new/first.safetensors" in done.stdout
    )
    assert done.stderr == "", "a progress bar has no place in a file"

    # The run is finished: the same command with the same checkpoint gives the same weights at once.
    monkeypatch.chdir(tmp_path)
    assert main([*few, "--out", "second.safetensors"]) == 0
    both = ("new/first.safetensors", "second.safetensors")
    first, second = (weights.read(tmp_path / file, kind="weights")[0] for file in both)
    assert all((first[k] == second[k]).all() for k in first)

    capsys.readouterr()

    # More epochs go on from there; anything else would be another run.
    assert main([*few, "--epochs", "4", "--out", "more.safetensors"]) == 0
    assert "4 epochs" in capsys.readouterr().out
    assert main([*few, "--lr", "0.5", "--out", "x.safetensors"]) == 2
    assert "another run" in capsys.readouterr().err and not (tmp_path / "x.safetensors").exists()

    assert main(["evaluate", "second.safetensors", "--split", "test"]) == 0
    said = capsys.readouterr().out
    assert "Mixture of Gaussians on orange and blue, test:" in said and "nats (exact" in said

    drawn = run("sample", "second.safetensors", "--n", "50", "--out", "pictures/points.png", folder=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    with Image.open(tmp_path / "pictures" / "points.png") as picture:
        assert picture.size[0] > 500 and len(set(np.asarray(picture.convert("L")).flatten().tolist())) > 10


def test_an_interrupted_training_resumes_to_the_same_file(tmp_path, monkeypatch):
    """Ctrl-C after two epochs; the same command again ends where an uninterrupted run ends."""
    few = ["train", "gaussian-mixture", "--epochs", "5"]
    assert main([*few, "--out", str(tmp_path / "whole.safetensors")]) == 0
    honest, calls = Run.train, []

    def interrupted(self, batches):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        honest(self, batches)

    monkeypatch.setattr(Run, "train", interrupted)
    with_checkpoint = [*few, "--checkpoint", str(tmp_path / "run.ckpt"), "--out"]
    assert main([*with_checkpoint, str(tmp_path / "half.safetensors")]) == 130
    monkeypatch.undo()
    assert main([*with_checkpoint, str(tmp_path / "resumed.safetensors")]) == 0
    names = ("whole", "half", "resumed")
    whole, half, resumed = (weights.read(tmp_path / f"{n}.safetensors", kind="weights")[0] for n in names)
    assert all((whole[k] == resumed[k]).all() for k in whole)
    assert any((whole[k] != half[k]).any() for k in whole)


def test_stopped_before_the_first_step_saves_nothing(tmp_path, monkeypatch, capsys):
    def interrupted(self, size, generator):
        raise KeyboardInterrupt

    monkeypatch.setattr(Dataset, "batches", interrupted)
    assert main(["train", "gaussian-mixture", "--out", str(tmp_path / "w.safetensors")]) == 130
    assert "nothing was saved" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_divergence_is_exit_code_1(tmp_path, capsys):
    code = main(["train", "gaussian-mixture", "--lr", "1e30", "--out", str(tmp_path / "w.safetensors")])
    assert code == 1 and "smaller learning rate" in capsys.readouterr().err and not list(tmp_path.iterdir())


def stops_in(epoch: int, monkeypatch, error: BaseException | None = None) -> None:
    """Ctrl-C in an epoch, counted from 0."""
    honest, calls = Run.train, []

    def stops(self, batches):
        calls.append(1)
        if len(calls) > epoch:
            raise error or KeyboardInterrupt
        honest(self, batches)

    monkeypatch.setattr(Run, "train", stops)


def test_ctrl_c_keeps_the_best_weights_and_says_so_in_the_file(tmp_path, monkeypatch, capsys):
    stops_in(3, monkeypatch)
    out = tmp_path / "w.safetensors"
    assert main(["train", "gaussian-mixture", "--epochs", "9", "--out", str(out)]) == 130
    _, about = weights.read(out, kind="weights")
    assert about["epochs"] == 9 and about["epochs_done"] == 3 and about["stopped"] is True
    assert "3 epochs" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(["train", "gaussian-mixture", "--epochs", "3", "--out", str(out)]) == 0
    about = weights.read(out, kind="weights")[1]
    assert about["epochs"] == 3 and not {"epochs_done", "stopped"} & set(about)


def test_patience_says_how_many_epochs_were_done(tmp_path):
    out = tmp_path / "w.safetensors"
    words = ["--epochs", "50", "--patience", "1", "--lr", "0.5", "--out", str(out)]
    assert main(["train", "gaussian-mixture", *words]) == 0
    about = weights.read(out, kind="weights")[1]
    assert 1 < about["epochs_done"] < 50 and "stopped" not in about


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_by_the_signal(tmp_path):
    code = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from dgm_lite.training.fit import Run
honest = Run.end_epoch
def end(self):
    honest(self)
    if self.epoch == 3: os.kill(os.getpid(), signal.SIGINT)
Run.end_epoch = end
import sys
from dgm_lite.cli.main import main
sys.exit(main(["train", "gaussian-mixture", "--epochs", "50", "--out", "w.safetensors"]))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 130 and "Traceback" not in done.stderr, done.stderr
    assert weights.read(tmp_path / "w.safetensors", kind="weights")[1]["epochs_done"] == 3


def test_weights_that_cannot_be_written_in_the_end_are_kept(tmp_path, monkeypatch, capsys):
    """The disk fills up while the model is trained: nothing is lost, and the message says where it is."""
    out, elsewhere = tmp_path / "w.safetensors", tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(outputs.tempfile, "tempdir", str(elsewhere))
    honest = os.replace

    def full(part, target):
        if target == out:
            raise OSError(28, "No space left on device")
        honest(part, target)

    monkeypatch.setattr(outputs.os, "replace", full)
    assert main([*MIXTURE, "--out", str(out)]) == 2
    error = said(capsys)
    (kept,) = elsewhere.rglob("*.safetensors")
    assert "No space left" in error and str(kept) in error and not out.exists()
    assert catalog.load(kept)[1]["data"] == "orange-blue"


def test_a_checkpoint_that_cannot_be_written_any_more_costs_no_weights(tmp_path, monkeypatch, capsys):
    out, checkpoint = tmp_path / "w.safetensors", tmp_path / "run.ckpt"
    honest, calls = os.replace, []

    def full(part, target):
        calls.append(target == checkpoint)
        if sum(calls) > 1:
            monkeypatch.setattr(outputs.os, "replace", honest)
            raise OSError(28, "No space left on device")
        honest(part, target)

    monkeypatch.setattr(outputs.os, "replace", full)
    words = ["train", "gaussian-mixture", "--epochs", "5", "--checkpoint", str(checkpoint)]
    assert main([*words, "--out", str(out)]) == 2
    assert "No space left" in (error := said(capsys)) and f"weights so far are in {out}" in error
    assert catalog.load(out)[1]["stopped"] is True


@pytest.mark.parametrize("words, message", [
    ("--seed 99999999999999999999", "expected seed to be a whole number from 0 to 2^63 - 1"),
    ("--seed -1", "expected seed"),
    ("--average 0", "expected average to be a decay between 0 and 1, or None"),
    ("--patience 0", "expected patience to be a whole number from 1 up, or None"),
    ("--clip-norm -1", "clip_norm"),
    ("--betas 0.5 1.5", "betas"),
    ("--warmup 2", "warmup"),
    ("--batch-size 0", "batch_size"),
    ("--data digits", "expected one of the data sets dequantised-digits, real-digits, orange-blue"),
    ("--checkpoint w.safetensors", "another file than the one that is read"),
    ("--checkpoint .", "which is a folder"),
])  # fmt: skip
def test_values_that_cannot_be(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*MIXTURE, *words.split(), "--out", "w.safetensors"]) == 2
    assert message in said(capsys) and list(tmp_path.iterdir()) == []


def test_a_game_has_nothing_to_be_patient_about(tmp_path, capsys):
    assert main(["train", "gan", "--patience", "3", "--out", str(tmp_path / "w.safetensors")]) == 2
    assert "no validation loss" in said(capsys) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words, field, value", [
    ("--average none", "average", None), ("--average 0.9", "average", 0.9), ("--warmup 0", "warmup", 0.0),
    ("--clip-norm None", "clip_norm", None), ("--patience none", "patience", None),
    ("--betas 0.5 0.99", "betas", (0.5, 0.99)),
    ("--weight-decay 0.5", "weight_decay", 0.5), ("--lr 0.125", "lr", 0.125), ("--seed 7", "seed", 7),
    ("--epochs 1", "epochs", 1), ("--batch-size 50", "batch_size", 50), ("--patience 2", "patience", 2),
])  # fmt: skip
def test_every_field_of_the_configuration_is_an_option(words, field, value, tmp_path, monkeypatch):
    seen = []

    def fit(model, data, config, checkpoint):
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("dgm_lite.training.fit.fit", fit)
    assert main(["train", "causal-arm", *words.split(), "--out", str(tmp_path / "w.safetensors")]) == 130
    default = catalog.model("causal-arm").config
    assert getattr(seen[0], field) == value
    others = [f for f in TrainConfig.__dataclass_fields__ if f != field]
    assert [getattr(seen[0], f) for f in others] == [getattr(default, f) for f in others]


def test_home_is_found_where_no_shell_does_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main([*MIXTURE, "--checkpoint=~/run.ckpt", "--out=~/w.safetensors"]) == 0
    assert {"run.ckpt", "w.safetensors"} <= {p.name for p in tmp_path.iterdir()} and not Path("~").exists()
    assert main(["evaluate", "~/w.safetensors"]) == 0


def test_weights_start_from_the_data(tmp_path, monkeypatch):
    """The entry's ``start`` is called with the training examples, before the first step."""
    from dgm_lite.latent.mixture import GaussianMixture

    seen = []
    monkeypatch.setattr(GaussianMixture, "start_from_data", lambda self, x: seen.append(torch.clone(x)))
    assert main([*MIXTURE, "--out", str(tmp_path / "w.safetensors")]) == 0
    assert len(seen) == 1 and seen[0].shape == (1200, 2)


@pytest.mark.parametrize("entry", [e for e in catalog.MODELS if e.start], ids=lambda e: e.name)
def test_train_starts_from_the_data_where_the_catalog_says_so(entry, tmp_path, monkeypatch):
    """What fit is given has been shown the training data, once and whole."""
    seen, (module, name) = [], entry.address.split(":")
    make = getattr(import_module(module), name)

    def made(*args, **kwargs):
        model = make(*args, **kwargs)
        honest = getattr(model, entry.start)
        vars(model)[entry.start] = lambda x: seen.append(x) or honest(x)
        return model

    def fitted(model, data, *_, **__):
        assert len(seen) == 1 and seen[0] is data.train
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{module}.{name}", functools.wraps(make)(made))
    monkeypatch.setattr(fitting, "fit", fitted)
    assert main(["train", entry.name, "--out", str(tmp_path / "w.safetensors")]) == 130
