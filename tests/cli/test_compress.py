"""``compress``: every number comes back, and nothing that is read is written over."""

import io
import random
import zipfile

import numpy as np
import pytest
from PIL import Image

from dgm_lite.catalog.data import dataset
from dgm_lite.cli.main import main
from tests.cli.conftest import ARM, run, said


def test_compress_and_decompress_give_the_file_back(tmp_path, capsys):
    """The reader's path: a split of the digits, packed in another process, and an array of one's own."""
    packed = run("compress", "causal_arm_digits", "digits", "--out", "new/digits.dgm", folder=tmp_path)
    assert packed.returncode == 0, packed.stderr
    file = tmp_path / "new" / "digits.dgm"
    assert (
        f"447 rows of 64 numbers, by the codec autoregressive: {file.stat().st_size:,} bytes" in packed.stdout
    )
    assert file.stat().st_size < 6700
    assert main(["decompress", str(ARM), str(file), "--out", str(tmp_path / "out" / "digits.npy")]) == 0
    assert "wrote 447 rows" in capsys.readouterr().out
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


def own(tmp_path, **changes) -> bytes:
    """A good file of integers."""
    np.save(tmp_path / "own.npy", np.random.default_rng(0).integers(17, size=(5, 64)).astype("uint8"))
    return (tmp_path / "own.npy").read_bytes()


def test_the_input_is_never_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    whole = own(tmp_path)
    (tmp_path / "link.npy").symlink_to("own.npy")
    for out in ("own.npy", "./own.npy", "link.npy"):
        assert main(["compress", str(ARM), "own.npy", "--out", out]) == 2
        assert "another file than the one that is read" in said(capsys)
    assert (tmp_path / "own.npy").read_bytes() == whole


def header(shape: str, dtype: str = "|u1") -> bytes:
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def zipped() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("x.npy", b"x" * 1000)
    return written.getvalue()


BROKEN = {
    "nothing": b"",
    "text": b"1,2,3",
    "a zip": zipped(),
    "half a zip": zipped()[:60],
    "58 TiB": header("(1000000000000, 64)"),
    "more than there are numbers": header(f"({2**62}, 8)"),
    "a negative size": header("(-1, 64)"),
    "no numbers": header("(0, 64)"),
    "one number": header("()") + b"x",
    "a size that is none": header("(2.5, 64)"),
    "deep": header("(" * 50),
    "objects": header("(1, 64)", "|O") + bytes(512),
    "text as numbers": header("(1, 64)", "<U1") + bytes(256),
    "half the numbers": header("(2, 64)") + bytes(64),
    "too many numbers": header("(1, 64)") + bytes(65),
    "half a header": header("(1, 64)")[:40],
    "a newer version": b"\x93NUMPY\x09\x00" + header("(1, 64)")[8:],
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_arrays_are_refused_in_words(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(BROKEN[kind])
    assert main(["compress", str(ARM), "x.npy", "--out", "x.dgm"]) == 2
    assert "compress: expected" in said(capsys) and [p.name for p in tmp_path.iterdir()] == ["x.npy"]


def test_any_damage_to_an_array_is_refused_or_harmless(tmp_path, capsys):
    """Bytes changed, lost or added anywhere: never a traceback, never more memory than the file has bytes."""
    from dgm_lite.cli.inputs import array

    whole, rng, file = own(tmp_path), random.Random(0), tmp_path / "own.npy"
    refused = 0
    for _ in range(2000):
        at, n = rng.randrange(len(whole)), rng.randrange(1, 6)
        at = at % 128 if rng.random() < 0.8 else at  # mostly the head
        new = bytes(rng.choice([*b"0123456789(),'{}:<>|OVUSMmfiu", rng.randrange(256)]) for _ in range(n))
        file.write_bytes(whole[:at] + new[: rng.randrange(n + 1)] + whole[at + n * (rng.random() < 0.8) :])
        try:
            assert array(file).nbytes <= len(whole) + 6
        except ValueError as error:
            assert str(error).startswith("compress: expected a .npy file")
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("name", ["UP.NPY", "own.Npy"])
def test_endings_count_in_capitals_too(name, tmp_path, capsys):
    own(tmp_path)
    (tmp_path / "own.npy").rename(tmp_path / name)
    assert main(["compress", str(ARM), str(tmp_path / name), "--out", str(tmp_path / "x.dgm")]) == 0
    for out in ("BACK.NPY", "BACK.PNG"):
        assert main(["decompress", str(ARM), str(tmp_path / "x.dgm"), "--out", str(tmp_path / out)]) == 0
    assert (np.load(tmp_path / "BACK.NPY") == np.load(tmp_path / name)).all()
    assert (tmp_path / "BACK.PNG").read_bytes()[:4] == b"\x89PNG"


def test_an_array_of_objects_is_called_so(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.full((2, 64), None), allow_pickle=True)
    assert main(["compress", str(ARM), str(tmp_path / "x.npy"), "--out", str(tmp_path / "x.dgm")]) == 2
    told = said(capsys)
    assert "objects" in told and "bytes" not in told


def test_folders_and_pipes_are_no_arrays(tmp_path, monkeypatch, capsys):
    import os

    (tmp_path / "folder.npy").mkdir()
    os.mkfifo(tmp_path / "pipe.npy")
    for name in ("folder.npy", "pipe.npy"):
        assert main(["compress", str(ARM), str(tmp_path / name), "--out", str(tmp_path / "x.dgm")]) == 2
        assert "no file" in said(capsys)
