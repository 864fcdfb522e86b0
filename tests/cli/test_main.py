"""What holds for every command: help, refusals, exit codes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dgm_lite.__main__ import Stop
from dgm_lite.cli import names
from dgm_lite.cli.main import COMMANDS, main
from tests.cli.conftest import ARM, ROOT, run, said


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
        "compare": ["--seeds", "--only", "three quarters of an hour", "goes on where it was"],
    }.get(words[0] if words else "", ["python -m dgm_lite train causal-arm", "evaluate", "sample", "list"]):
        assert option in shown


@pytest.mark.parametrize("words", ["--help", "train --help", "compare --help"])
def test_help_does_not_wait_for_torch(words):
    """It loads nothing that takes long; 0.2 s instead of 4.5."""
    code = (
        "import sys\nfrom dgm_lite.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'sklearn', 'yaml', 'tqdm'} & set(sys.modules)\n"
        "print('loaded:', sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: ") and done.stdout.endswith("loaded: []\n")


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
        "formats, sampling, stability, lossy, lossless, digits; got looks",
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


def test_no_traceback_reaches_the_user():
    done = run("evaluate", "nothing.safetensors")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: no file nothing.safetensors") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["bake"], ["train", "causal-arm"], []], ids=str)
def test_unknown_or_missing_words_are_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2 and "error: " in capsys.readouterr().err


def test_a_reader_who_has_seen_enough(tmp_path):
    """As in `list | head -1`, and where nobody reads at all."""
    for words in ("list", "--help"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {sys.executable} -m dgm_lite {words} | head -1"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1, done


@pytest.mark.parametrize("error", [MemoryError("8 EiB"), RuntimeError("can't allocate memory: 8 EiB\nstack")])
def test_too_little_memory_is_said_in_a_line(error, monkeypatch, capsys):
    def runs_out(_):
        raise error

    monkeypatch.setattr(names, "run", runs_out)
    assert main(["list"]) == 2
    assert "not enough memory" in said(capsys)


def test_other_errors_are_not_hidden(monkeypatch):
    def wrong(_):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(names, "run", wrong)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        main(["list"])


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("wait", [0.1, 0.5, 1.0, 2.0])
def test_ctrl_c_while_everything_is_being_loaded(wait, tmp_path):
    """No traceback, whatever is being loaded at that moment; nothing is left behind."""
    command = [sys.executable, "-c", "print('begins', flush=True)\nimport runpy, sys\n"
               "sys.argv = ['dgm_lite', 'train', 'causal-arm', '--out', 'w.safetensors']\n"
               "runpy.run_module('dgm_lite', run_name='__main__')"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_a_second_press_is_the_same_wish():
    """Pressed twice, or sent by the shell and by the terminal: what saves the work is not stopped as well."""
    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGTERM, None)
    stop(signal.SIGHUP, None)
    assert stop.number == signal.SIGTERM
    stop.at -= 1
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGINT, None)


def test_every_command_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    commands = {c.__name__.rpartition(".")[2] for c in COMMANDS} - {"names"} | {"list"}
    assert all(f"\n    {name}" in shown for name in commands)
