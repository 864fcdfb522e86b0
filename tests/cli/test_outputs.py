"""Every command writes in the same way: no bad place is found only after the work, and none is harmed."""

import stat

import numpy as np
import pytest

from dgm_lite import outputs
from dgm_lite.cli.main import main
from dgm_lite.comparison.results import Job
from dgm_lite.training.fit import Run
from tests.cli.conftest import ARM, said
from tests.test_outputs import BAD, everything


@pytest.fixture
def read(tmp_path_factory):
    """Good inputs: an array and a short file of it."""
    folder = tmp_path_factory.mktemp("read")
    np.save(folder / "x.npy", np.zeros((3, 64), dtype="uint8"))
    assert main(["compress", str(ARM), str(folder / "x.npy"), "--out", str(folder / "x.dgm")]) == 0
    return folder


def command(name: str, read) -> list[str]:
    """A good command, but for the place of its output."""
    words = {
        "train": ["train", "gaussian-mixture", "--epochs", "1"],
        "sample": ["sample", str(ARM), "--n", "2"],
        "compress": ["compress", str(ARM), str(read / "x.npy")],
        "decompress": ["decompress", str(ARM), str(read / "x.dgm")],
        "compare": ["compare", "--only", "formats"],
    }
    return words[name]


ENDINGS = {
    "train": ".safetensors",
    "sample": ".npy",
    "compress": ".dgm",
    "decompress": ".png",
    "compare": ".json",
}


@pytest.fixture
def no_work(monkeypatch):
    """Whatever takes time fails the test."""

    def works(*_, **__):
        pytest.fail("worked before the output was tried")

    monkeypatch.setattr(Run, "train", works)
    monkeypatch.setattr(Job, "rows", works)
    monkeypatch.setattr("dgm_lite.autoregressive.causal.CausalARM.sample", works)
    monkeypatch.setattr("dgm_lite.codecs.container.compress", works)
    monkeypatch.setattr("dgm_lite.codecs.container.decompress", works)


@pytest.mark.parametrize("bad", BAD, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ENDINGS)
def test_bad_places(name, bad, read, no_work, tmp_path, capsys):
    place = bad(tmp_path)
    out = tmp_path / f"out{ENDINGS[name]}"
    if "~" in str(place) or "\0" in str(place):
        out = f"{place}{ENDINGS[name]}"
    elif bad.__name__ == "below_a_file":
        out = place.with_name(f"x{ENDINGS[name]}")
    elif bad.__name__ == "long_name":
        out = place.with_name("x" * 250 + ENDINGS[name] + "x" * 20 + ENDINGS[name])
    else:
        place.rename(out) if not place.is_symlink() else out.symlink_to(place)
    capsys.readouterr()
    before = everything(tmp_path)
    assert main([*command(name, read), "--out", str(out)]) == 2
    assert said(capsys).startswith("error: outputs: expected ") and everything(tmp_path) == before


@pytest.mark.parametrize("name", ENDINGS)
def test_a_full_disk(name, read, no_work, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    capsys.readouterr()
    monkeypatch.setattr(outputs.Path, "write_bytes", full)
    assert main([*command(name, read), "--out", str(tmp_path / f"x{ENDINGS[name]}")]) == 2
    assert "No space left on device" in said(capsys) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in ENDINGS if name != "compare"])
def test_an_older_file_keeps_its_mode_and_its_link(name, read, tmp_path):
    real, link = tmp_path / f"real{ENDINGS[name]}", tmp_path / f"link{ENDINGS[name]}"
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to(real)
    assert main([*command(name, read), "--out", str(link)]) == 0
    assert link.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o600 and real.read_bytes() != b"old"


@pytest.mark.parametrize("name", ["sample", "compress", "decompress"])
def test_the_weights_are_not_written_over(name, read, tmp_path, capsys):
    copy = tmp_path / f"w{ENDINGS[name]}"
    copy.write_bytes(ARM.read_bytes())
    words = [str(copy) if word == str(ARM) else word for word in command(name, read)]
    capsys.readouterr()
    assert main([*words, "--out", str(copy)]) == 2
    assert "another file than the one that is read" in said(capsys)
    assert copy.read_bytes() == ARM.read_bytes()
