"""``train``: what it writes, when it stops, and what it refuses."""

import functools
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import weakref
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dgm_lite import catalog, outputs, weights
from dgm_lite.cli.main import main
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Run
from dgm_lite.training.step import DivergedError
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

    assert main(["sample", "second.safetensors", "--n", "50", "--out", "pictures/points.png"]) == 0
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
    assert "Nothing was saved" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_run_that_diverges_in_its_first_epoch_saves_nothing(tmp_path, capsys):
    """It had not come anywhere, and there may be good weights of that name."""
    out = tmp_path / "w.safetensors"
    out.write_bytes(b"good weights")
    assert main(["train", "gaussian-mixture", "--lr", "1e30", "--out", str(out)]) == 1
    assert "smaller learning rate" in said(capsys) and out.read_bytes() == b"good weights"


DIVERGED, FULL = DivergedError("training: the loss became nan"), OSError(28, "No space left on device")
ENDS = {  # what ends a training: exit code, and what is said
    "Ctrl-C": (KeyboardInterrupt(), 130, ""),
    "NaN": (DIVERGED, 1, "error: training: the loss became nan"),
    "disk": (FULL, 2, "error: [Errno 28] No space left on device"),
    "value": (ValueError("bad row"), 2, "error: bad row"),
    "memory": (MemoryError("8 EiB"), 2, "error: not enough memory (8 EiB)"),
    "device's memory": (RuntimeError("CUDA out of memory\nmore"), 2, "error: not enough memory (CUDA out of"),
}
PLACES = ("train", "judge", "end_epoch", "report")  # in the batches, in validation, after it, at the bar


def ends_in(epoch: int, monkeypatch, error: BaseException, place: str = "train") -> None:
    """An error in an epoch, counted from 0, at some place of it."""
    honest, calls = getattr(Run, place), []

    def ends(self, *given):
        calls.append(1)
        if len(calls) > epoch:
            raise error
        return honest(self, *given)

    monkeypatch.setattr(Run, place, ends)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", ENDS)
def test_whatever_ends_a_training_its_best_weights_are_kept(what, place, tmp_path, monkeypatch, capsys):
    error, code, message = ENDS[what]
    error = type(error)(*error.args)  # notes stay with an error
    best, finish = [], Run.finish
    monkeypatch.setattr(Run, "finish", lambda self: best.append(self.best) or finish(self))
    ends_in(3, monkeypatch, error, place)
    out = tmp_path / "w.safetensors"
    assert main(["train", "gaussian-mixture", "--epochs", "9", "--out", str(out)]) == code
    kept, about = weights.read(out, kind="weights")
    assert all((kept[name] == value).all() for name, value in best[0].items())
    done = 4 if place == "report" else 3
    assert about["epochs"] == 9 and about["epochs_done"] == done
    why = "by you" if code == 130 else f"{type(error).__name__}: {str(error).splitlines()[0]}"
    steps = 3 * 6 if place == "train" else 4 * 6  # six batches of 200
    assert about["stopped"].startswith(f"in epoch {done}, after {steps} steps: {why}")
    if code == 130:
        assert f"{done} epochs in" in capsys.readouterr().out
    else:
        error = said(capsys)
        assert error.startswith(message) and f"The best weights so far are in {out}." in error
    assert catalog.load(out)[1]["data"] == "orange-blue"


@pytest.mark.parametrize("stopped", [False, True])
def test_ctrl_c_while_the_weights_are_written_waits_for_them(stopped, tmp_path, monkeypatch, capsys):
    """A second one after that which stopped the training, or the first after the last epoch."""
    honest, out = catalog.save, tmp_path / "w.safetensors"

    def pressed(*given, **facts):
        signal.raise_signal(signal.SIGINT)
        honest(*given, **facts)

    monkeypatch.setattr(catalog, "save", pressed)
    if stopped:
        ends_in(1, monkeypatch, KeyboardInterrupt())
    assert main([*MIXTURE, "--out", str(out)]) == 130
    assert f"stopped by you. {out} is saved." in said(capsys)
    assert weights.read(out, kind="weights")[1].get("epochs_done") == (1 if stopped else None)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()])
def test_ctrl_c_while_the_best_weights_are_put_in_place_waits_for_them(error, tmp_path, monkeypatch):
    best, finish, out = [], Run.finish, tmp_path / "w.safetensors"

    def pressed(self):
        best.append(self.best)
        signal.raise_signal(signal.SIGINT)
        finish(self)

    monkeypatch.setattr(Run, "finish", pressed)
    if error:
        ends_in(1, monkeypatch, error)
    assert main([*MIXTURE, "--out", str(out)]) == 130
    kept, _ = weights.read(out, kind="weights")
    assert all((kept[name] == value).all() for name, value in best[0].items())


def test_what_took_the_memory_is_gone_before_weights_are_saved(tmp_path, monkeypatch, capsys):
    alive, honest, calls = [], Run.train, []

    def runs_out(self, batches):
        calls.append(1)
        if len(calls) == 3:
            activations = torch.zeros(1)
            alive.append(weakref.ref(activations))
            raise MemoryError
        honest(self, batches)

    def save(*_, **__):
        assert alive[0]() is None
        raise OSError("saved")

    monkeypatch.setattr(Run, "train", runs_out)
    monkeypatch.setattr(catalog, "save", save)
    assert main(["train", "gaussian-mixture", "--out", str(tmp_path / "w.safetensors")]) == 2
    assert said(capsys).endswith(" saved\n")


def test_the_weights_of_a_fault_of_ours_are_kept_as_well(tmp_path, monkeypatch):
    ends_in(3, monkeypatch, RuntimeError("a fault of ours"))
    out = tmp_path / "w.safetensors"
    with pytest.raises(RuntimeError, match="a fault of ours") as raised:
        main(["train", "gaussian-mixture", "--epochs", "9", "--out", str(out)])
    assert raised.value.__notes__ == [f"The best weights so far are in {out}."]
    assert "a fault of ours" in weights.read(out, kind="weights")[1]["stopped"]


@pytest.mark.parametrize("what", ENDS)
def test_two_faults_at_once(what, tmp_path, monkeypatch, capsys):
    """The training ends early, and its weights cannot be written where they should be."""
    error, code, message = ENDS[what]
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(outputs.tempfile, "tempdir", str(elsewhere))
    out, honest = tmp_path / "w.safetensors", os.replace

    def full(part, target):
        if target == out:
            raise FULL
        honest(part, target)

    monkeypatch.setattr(outputs.os, "replace", full)
    ends_in(3, monkeypatch, type(error)(*error.args))
    assert main(["train", "gaussian-mixture", "--epochs", "9", "--out", str(out)]) == code
    (kept,) = elsewhere.rglob("*.safetensors")
    shown = said(capsys)
    assert shown.startswith(message or "stopped by you. ") and str(kept) in shown and not out.exists()
    assert catalog.load(kept)[1]["epochs_done"] == 3


@pytest.mark.parametrize("what", ENDS)
def test_what_fails_after_the_weights_are_written_names_them(what, tmp_path, monkeypatch, capsys):
    def fails(*_):
        raise error

    error, code, message = ENDS[what]
    error = type(error)(*error.args)
    monkeypatch.setattr("dgm_lite.cli.measured.measured", fails)
    out = tmp_path / "w.safetensors"
    assert main([*MIXTURE, "--out", str(out)]) == code
    shown = capsys.readouterr().err
    assert shown.startswith(message or "stopped by you. ") and f"are in {out}." in shown
    assert not {"epochs_done", "stopped"} & set(catalog.load(out)[1])


def test_a_game_that_diverges_keeps_its_last_weights(tmp_path, monkeypatch, capsys):
    ends_in(1, monkeypatch, DivergedError("training: the loss became nan"))
    out = tmp_path / "w.safetensors"
    assert main(["train", "gan", "--epochs", "3", "--out", str(out)]) == 1
    assert str(out) in said(capsys) and catalog.load(out)[1]["epochs_done"] == 1


def test_a_longer_run_than_was_asked_for(tmp_path):
    """A checkpoint of three epochs, and two asked for: the weights are those of three, and say so."""
    words = ["train", "gaussian-mixture", "--checkpoint", str(tmp_path / "run.ckpt")]
    out = str(tmp_path / "w.safetensors")
    assert main([*words, "--epochs", "3", "--out", out]) == 0
    assert main([*words, "--epochs", "2", "--out", out]) == 0
    about = weights.read(out, kind="weights")[1]
    assert (about["epochs"], about["epochs_done"]) == (2, 3)


def test_patience_says_how_many_epochs_were_done(tmp_path):
    out = tmp_path / "w.safetensors"
    words = ["--epochs", "50", "--patience", "1", "--lr", "0.5", "--out", str(out)]
    assert main(["train", "gaussian-mixture", *words]) == 0
    about = weights.read(out, kind="weights")[1]
    assert 1 < about["epochs_done"] < 50 and "stopped" not in about


SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]
# Everything is loaded once; each signal is then sent to a process of its own, in a folder of its own.
FORK = """
import os, runpy, signal, sys
import sklearn.datasets, torch._dynamo  # which the first step of training would load
import dgm_lite.cli.main, dgm_lite.latent.mixture, dgm_lite.training.fit, dgm_lite.datasets.toys
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        os.mkdir(name)
        os.chdir(name)
        os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT), 2)
        number = getattr(signal, name)
        # A job in the background ignores some of them.
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
        {}
        break
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_with(code: str, folder) -> dict[str, tuple[int, str]]:
    """For each signal the exit code and what was said of a program that sends it to itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FORK.format(textwrap.indent(code, 8 * " ").strip()), *SIGNALS]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    codes = dict(line.split() for line in done.stdout.splitlines() if line.startswith("SIG"))
    return {name: (int(codes[name]), (folder / name / "err").read_text()) for name in SIGNALS}


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_signals_wait_for_the_file(tmp_path):
    """Whoever stops the command while it writes gets the whole file, and is told so."""
    code = """
from dgm_lite import outputs
honest = outputs.write
def write(*args, **options):
    os.kill(os.getpid(), number)
    honest(*args, **options)
outputs.write = write
sys.argv = ["dgm_lite", "train", "gaussian-mixture", "--epochs", "2", "--out", "w.safetensors"]
runpy.run_module("dgm_lite", run_name="__main__")
"""
    for name, (exit_code, told) in run_with(code, tmp_path).items():
        assert exit_code == 128 + getattr(signal, name), told
        assert "w.safetensors is saved" in told and "Traceback" not in told
        assert weights.read(tmp_path / name / "w.safetensors", kind="weights")[1]["epochs"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_signals(tmp_path):
    """Ctrl-C, `kill`, a terminal that is closed: what came so far is kept, and the code says what it was."""
    code = """
from dgm_lite.training.fit import Run
honest = Run.end_epoch
def end(self):
    honest(self)
    if self.epoch == 3:
        if name == "SIGHUP": os.close(2)  # nobody is left to be told
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # as systems do that end a session
Run.end_epoch = end
sys.argv = ["dgm_lite", "train", "gaussian-mixture", "--epochs", "50", "--out", "w.safetensors"]
runpy.run_module("dgm_lite", run_name="__main__")
"""
    for name, (exit_code, told) in run_with(code, tmp_path).items():
        assert exit_code == 128 + getattr(signal, name) and "Traceback" not in told, told
        about = weights.read(tmp_path / name / "w.safetensors", kind="weights")[1]
        assert about["epochs_done"] == 3 and about["stopped"].endswith("by you")


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
    about = catalog.load(out)[1]
    assert about["epochs_done"] == 2 and "No space left" in about["stopped"]


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

    def stopped(self):
        seen.append(self.config)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "to_the_end", stopped)
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

    def stopped(self):
        assert len(seen) == 1 and seen[0] is self.data.train
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{module}.{name}", functools.wraps(make)(made))
    monkeypatch.setattr(Run, "to_the_end", stopped)
    assert main(["train", entry.name, "--out", str(tmp_path / "w.safetensors")]) == 130


class Changing(GaussianMixture):
    """A mixture that is not careful with what it keeps beside its weights."""

    way = "nothing"

    def __init__(self, dim: int, n_components: int):
        super().__init__(dim, n_components)
        self.calls, self.seen, self.last, self.running = 0, [], None, torch.zeros(2)
        if self.way == "birth":
            self.born = next(BIRTHS)

    @functools.cached_property
    def scale(self):
        return self.log_std.exp().mean().item()

    def loss(self, x):
        value = super().loss(x)
        if self.way == "counter":
            self.calls += 1
        elif self.way == "list":
            self.seen.append(value.item())
        elif self.way == "running":
            self.running = self.running + x.mean(0)
        elif self.way == "cache":
            self.last = value.detach()
        elif self.way == "graph":
            self.last = value
        elif self.way == "property":
            assert self.scale > 0
        return value


BIRTHS = itertools.count()
UNLIKE = {"counter": "calls 0, got ", "list": "seen [], got ", "running": "running 'tensor "}


@pytest.fixture
def changing(monkeypatch, tmp_path):
    """Trains one, and gives the code, the weights file and the folder for temporary files."""
    monkeypatch.setattr("dgm_lite.latent.mixture.Changing", Changing, raising=False)
    (mixture,) = (entry for entry in catalog.MODELS if entry.name == "gaussian-mixture")
    entry = replace(mixture, name="changing", address="dgm_lite.latent.mixture:Changing")
    monkeypatch.setattr(catalog, "MODELS", (*catalog.MODELS, entry))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(outputs.tempfile, "tempdir", str(temporary))

    def train(way):
        monkeypatch.setattr(Changing, "way", way)
        out = tmp_path / "w.safetensors"
        return main(["train", "changing", "--epochs", "3", "--out", str(out)]), out, temporary

    return train


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("way", UNLIKE)
def test_weights_of_a_model_that_training_made_another_are_kept(way, stopped, changing, monkeypatch, capsys):
    if stopped:
        ends_in(2, monkeypatch, KeyboardInterrupt())
    code, out, temporary = changing(way)
    shown = capsys.readouterr().err
    assert code == (130 if stopped else 2) and UNLIKE[way] in shown
    assert f"The weights are in {out} as they are." in shown and list(temporary.iterdir()) == []
    kept, about = weights.read(out, kind="weights")
    assert about["name"] == "changing" and about.get("epochs_done", 3) == (2 if stopped else 3)
    model = catalog.model("changing").build()
    assert kept.keys() == model.state_dict().keys()
    assert not all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="does not fit"):
        catalog.load(out)


def test_weights_that_fit_nowhere_and_nothing_are_kept_elsewhere(changing, monkeypatch, capsys):
    honest = os.replace

    def full(part, target):
        if (
            target.parent.name != "temporary"
            and target.suffix == ".safetensors"
            and "dgm-lite-" not in str(target)
        ):
            raise FULL
        honest(part, target)

    monkeypatch.setattr(outputs.os, "replace", full)
    code, out, temporary = changing("counter")
    (kept,) = temporary.rglob("*.safetensors")
    assert code == 2 and not out.exists() and f"It is kept as {kept}." in said(capsys)
    assert len(list(temporary.iterdir())) == 1 and weights.read(kept, kind="weights")[1]["name"] == "changing"


@pytest.mark.parametrize("way", ["nothing", "cache", "graph", "property"])
def test_what_a_model_remembers_from_its_training_is_no_other_model(way, changing):
    code, out, temporary = changing(way)
    assert code == 0 and catalog.load(out)[1]["name"] == "changing" and list(temporary.iterdir()) == []


def test_a_model_that_is_another_each_time_is_refused_before_the_training(changing, monkeypatch, capsys):
    monkeypatch.setattr(Run, "train", lambda *_: pytest.fail("it trains"))
    code, out, _ = changing("birth")
    assert code == 2 and "expected born" in said(capsys) and not out.exists()
