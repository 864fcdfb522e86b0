"""``sample``: numbers, or a picture of what the data say their rows are."""

import numpy as np
import pytest
import torch
from PIL import Image

from dgm_lite import catalog
from dgm_lite.cli import sample
from dgm_lite.cli.main import main
from tests.cli.conftest import ARM, said


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


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_every_model_draws_what_its_data_are(entry, tmp_path, monkeypatch):
    """Real-valued pictures are pictures, too: a mosaic of them, not two of their pixels as points."""
    drawn = []
    for what in ("images",):
        monkeypatch.setattr(f"dgm_lite.plot.{what}", lambda x, ax, **_: drawn.append(x.shape))
    torch.manual_seed(0)
    model = entry.build()
    file, out = tmp_path / "w.safetensors", tmp_path / "x.png"
    catalog.save(model, file, entry.name, entry.arguments, data=entry.data)
    assert main(["sample", str(file), "--n", "12", "--out", str(out)]) == 0
    points = entry.data in ("orange-blue", "two-moons")
    assert drawn == ([] if points else [(12, entry.arguments["dim"])]) and out.read_bytes().startswith(
        b"\x89PNG"
    )


@pytest.mark.parametrize("words, message", [
    ("--n 100000000 --out x.npy", "for the memory of this machine, got 100,000,000"),
    ("--n 99999999999999999999 --out x.npy", "for the memory of this machine"),
    ("--n 10001 --out x.png", "expected at most 10,000 rows for a .png"),
    ("--n -3 --out x.npy", "expected --n to be a whole number"),
    ("--seed 99999999999999999999 --out x.npy", "expected --seed from 0"),
    ("--seed -1 --out x.npy", "expected --seed from 0"),
])  # fmt: skip
def test_too_much(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(ARM), *words.split()]) == 2
    assert message in said(capsys) and list(tmp_path.iterdir()) == []


def test_many_are_drawn_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "AT_ONCE", 4)
    for n in ("9", "8"):
        assert main(["sample", str(ARM), "--n", n, "--out", str(tmp_path / f"{n}.npy")]) == 0
    nine, eight = np.load(tmp_path / "9.npy"), np.load(tmp_path / "8.npy")
    assert nine.shape == (9, 64) and (nine[:8] == eight).all() and (nine[:4] != nine[4:8]).any()
