"""``decompress``: what went in, or an error that says why not."""

import pytest

from dgm_lite.cli.main import main
from tests.cli.conftest import ARM


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


@pytest.mark.parametrize("name, data", [("transform-coder", "real-digits"), ("causal-arm", "digits")])
def test_pictures_of_what_was_decoded(name, data, tmp_path, monkeypatch):
    import torch

    from dgm_lite import catalog

    drawn = []
    monkeypatch.setattr("dgm_lite.plot.images", lambda x, ax, **_: drawn.append(x.shape))
    entry = catalog.model(name)
    torch.manual_seed(0)
    file, code = str(tmp_path / "w.safetensors"), str(tmp_path / "x.dgm")
    catalog.save(entry.build(), file, name, entry.arguments, data=data)
    assert main(["compress", file, "digits", "--split", "valid", "--out", code]) == 0
    assert main(["decompress", file, code, "--out", str(tmp_path / "x.png")]) == 0
    assert drawn == [(350, 64)]
