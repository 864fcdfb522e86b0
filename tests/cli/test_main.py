"""The command line, by running it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dgm_lite import catalog, weights
from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.cli.main import main
from dgm_lite.comparison import jobs, results
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


def test_list_names_every_model_and_data_set(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for name in [entry.name for entry in catalog.MODELS] + list(DATA):
        assert name in shown.out


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
    assert "Mixture of Gaussians on orange and blue, test:" in said and "(exact)" in said

    drawn = run("sample", "second.safetensors", "--n", "50", "--out", "pictures/points.png", folder=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    with Image.open(tmp_path / "pictures" / "points.png") as picture:
        assert picture.size[0] > 500 and len(set(np.asarray(picture.convert("L")).flatten().tolist())) > 10


def test_digits_are_measured_in_bits_and_drawn(tmp_path, capsys):
    assert main(["evaluate", str(ARM)]) == 0
    said = capsys.readouterr().out
    assert "bits/dim (exact;" in said and "valid:" in said
    for seed, out in (("0", "a.npy"), ("0", "b.npy"), ("1", "c.npy")):
        assert main(["sample", str(ARM), "--n", "7", "--seed", seed, "--out", str(tmp_path / out)]) == 0
    a, b, c = (np.load(tmp_path / f"{name}.npy") for name in "abc")
    assert a.shape == (7, 64) and a.dtype == np.int64 and a.min() >= 0 and a.max() <= 16
    assert (a == b).all() and (a != c).any()
    assert main(["sample", str(ARM), "--n", "9", "--out", str(tmp_path / "digits.png")]) == 0
    with Image.open(tmp_path / "digits.png") as picture:
        grey = np.asarray(picture.convert("L"))
    assert 0.5 < (grey > 250).mean() < 1 and (grey < 60).any(), "ink on white"


def test_an_interrupted_training_resumes_to_the_same_file(tmp_path, monkeypatch):
    """Ctrl-C after two epochs; the same command again ends where an uninterrupted run ends."""
    from dgm_lite.training.fit import Run

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
    from dgm_lite.datasets.dataset import Dataset

    def interrupted(self, size, generator):
        raise KeyboardInterrupt

    monkeypatch.setattr(Dataset, "batches", interrupted)
    assert main(["train", "gaussian-mixture", "--out", str(tmp_path / "w.safetensors")]) == 130
    assert "nothing was saved" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_divergence_is_exit_code_1(tmp_path, capsys):
    code = main(["train", "gaussian-mixture", "--lr", "1e30", "--out", str(tmp_path / "w.safetensors")])
    assert code == 1 and "smaller learning rate" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [(), ("train",), ("evaluate",), ("sample",), ("compress",), ("decompress",), ("compare",)],
    ids=lambda w: "-".join(w) or "top",
)
def test_help_teaches(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0 and "usage: python -m dgm_lite" in shown
    for option in {
        "train": ["--out", "--checkpoint", "--epochs"],
        "evaluate": ["--split"],
        "sample": ["--n"],
        "compress": ["--split", "--out", ".npy", "transform coder"],
        "decompress": ["--out", ".dgm", ".png"],
        "compare": ["--seeds", "--only", "twenty minutes", "goes on where it was"],
    }.get(words[0] if words else "", ["python -m dgm_lite train causal-arm", "evaluate", "sample", "list"]):
        assert option in shown


BAD = {
    "no such model": (["train", "gpt", "--out", "w.safetensors"], "expected one of gaussian-mixture"),
    "no such data": (["train", "causal-arm", "--data", "imagenet", "--out", "w.safetensors"], "imagenet"),
    "data of another kind": (
        ["train", "causal-arm", "--data", "two-moons", "--out", "w.safetensors"],
        "expected one of the data sets digits, binary-digits, digits28 for causal-arm",
    ),
    "another ending": (
        ["train", "causal-arm", "--out", "weights.pt"],
        "to end in .safetensors, got 'weights.pt'",
    ),
    "no epochs": (["train", "causal-arm", "--epochs", "0", "--out", "w.safetensors"], "epochs"),
    "negative rate": (["train", "causal-arm", "--lr", "-1", "--out", "w.safetensors"], "lr"),
    "no file": (["evaluate", "nothing.safetensors"], "no file nothing.safetensors"),
    "no weights": (["evaluate", "README"], "damaged or no safetensors file"),
    "a folder": (["evaluate", "."], "no file"),
    "no samples": (["sample", str(ARM), "--n", "0", "--out", "x.npy"], "expected --n to be a whole number"),
    "a picture of another kind": (["sample", str(ARM), "--out", "x.gif"], ".npy or .png, got 'x.gif'"),
    "compress: no such file": (["compress", str(ARM), "x.npy", "--out", "x.dgm"], "x.npy"),
    "compress: neither": (
        ["compress", str(ARM), "README", "--out", "x.dgm"],
        "a .npy file or one of the data",
    ),
    "compress: real data": (
        ["compress", str(ARM), "two-moons", "--out", "x.dgm"],
        "real numbers of 'two moons'",
    ),
    "compress: other data": (["compress", str(ARM), "digits28", "--out", "x.dgm"], "D = 64"),
    "compress: a GAN": (["compress", "gan_digits", "digits", "--out", "x.dgm"], "got GAN"),
    "compress: no such weights": (["compress", "gpt", "digits", "--out", "x.dgm"], "causal_arm_digits"),
    "decompress: foreign": (["decompress", str(ARM), "README", "--out", "x.npy"], "begins with b'not '"),
    "decompress: another ending": (["decompress", str(ARM), "README", "--out", "x.jpg"], "got 'x.jpg'"),
    "decompress: no file": (["decompress", str(ARM), "x.dgm", "--out", "x.npy"], "x.dgm"),
    "compare: no such part": (
        ["compare", "--only", "looks"],
        "formats, sampling, stability, lossy, digits; got looks",
    ),
    "compare: no seeds": (["compare", "--seeds", "0"], "--seeds"),
    "compare: a foreign file": (["compare", "--out", "README"], "expected a result file"),
    "a file where a folder should be": (["sample", str(ARM), "--n", "1", "--out", "README/x.npy"], "README"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_exit_code_2_with_a_message(what, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README").write_text("not weights")
    words, message = BAD[what]
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("error: ") and message in shown.err
    assert [p.name for p in tmp_path.iterdir()] == ["README"], "something was written all the same"


def test_weights_without_their_data_set_are_refused(tmp_path, capsys):
    entry = catalog.model("gaussian-mixture")
    catalog.save(entry.build(), tmp_path / "w.safetensors", entry.name, entry.arguments)
    assert main(["evaluate", str(tmp_path / "w.safetensors")]) == 2
    assert "expected a file that says its data set" in capsys.readouterr().err


def test_no_traceback_reaches_the_user():
    done = run("evaluate", "nothing.safetensors")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: no file nothing.safetensors") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["bake"], ["train", "causal-arm"], []], ids=str)
def test_unknown_or_missing_words_are_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2 and "error: " in capsys.readouterr().err


def test_a_model_without_likelihood_is_measured_by_its_samples(tmp_path, capsys):
    file = tmp_path / "gan.safetensors"
    assert main(["train", "gan", "--epochs", "1", "--out", str(file)]) == 0
    assert main(["evaluate", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.count("no likelihood; a forest tells samples from data in") == 2 and "bits/dim" not in said


def test_compress_and_decompress_give_the_file_back(tmp_path):
    """The reader's path: a split of the digits and an array of one's own, there and back, in processes."""
    packed = run("compress", "causal_arm_digits", "digits", "--out", "new/digits.dgm", folder=tmp_path)
    assert packed.returncode == 0, packed.stderr
    file = tmp_path / "new" / "digits.dgm"
    assert (
        f"447 rows of 64 numbers, by the codec autoregressive: {file.stat().st_size:,} bytes" in packed.stdout
    )
    assert file.stat().st_size < 6700
    done = run("decompress", ARM, "new/digits.dgm", "--out", "out/digits.npy", folder=tmp_path)
    assert done.returncode == 0 and "wrote 447 rows" in done.stdout, done.stderr
    assert (np.load(tmp_path / "out" / "digits.npy") == dataset("digits").test.numpy()).all()

    own = np.random.default_rng(0).integers(17, size=(3, 8, 8)).astype("int16")
    np.save(tmp_path / "own.npy", own)
    assert main(["compress", str(ARM), str(tmp_path / "own.npy"), "--out", str(tmp_path / "own.dgm")]) == 0
    back, picture = str(tmp_path / "back.npy"), str(tmp_path / "back.png")
    for out in (back, picture):
        assert main(["decompress", str(ARM), str(tmp_path / "own.dgm"), "--out", out]) == 0
    assert (
        (np.load(back) == own).all() and np.load(back).dtype == own.dtype and np.load(back).shape == own.shape
    )
    with Image.open(picture) as shown:
        assert shown.size[0] > 500


def test_a_damaged_file_is_exit_code_2_and_leaves_nothing(tmp_path, capsys):
    file, out = tmp_path / "digits.dgm", tmp_path / "digits.npy"
    assert main(["compress", str(ARM), "digits", "--split", "valid", "--out", str(file)]) == 0
    whole = bytearray(file.read_bytes())
    for broken in (whole[:-1], whole[:100], whole + b"!", whole[:50] + b"x" + whole[51:]):
        file.write_bytes(broken)
        capsys.readouterr()
        assert main(["decompress", str(ARM), str(file), "--out", str(out)]) == 2
        shown = capsys.readouterr()
        assert "damaged or cut short" in shown.err and shown.out == "" and not out.exists()
    out.write_bytes(b"older")
    assert main(["decompress", str(ARM), str(file), "--out", str(out)]) == 2
    assert out.read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 2


def test_another_models_file_is_refused(tmp_path, capsys):
    few = ["train", "causal-arm", "--epochs", "1", "--out", str(tmp_path / "other.safetensors")]
    assert main(few) == 0
    file, out = tmp_path / "digits.dgm", tmp_path / "digits.npy"
    assert main(["compress", str(ARM), "digits", "--out", str(file)]) == 0
    other = str(tmp_path / "other.safetensors")
    assert main(["decompress", other, str(file), "--out", str(out)]) == 2
    assert "expected the model that wrote the file" in capsys.readouterr().err and not out.exists()


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
