"""``list``, and what a name stands for."""

import shutil

import pytest

from dgm_lite import catalog
from dgm_lite.catalog.data import DATA
from dgm_lite.cli import inputs
from dgm_lite.cli.main import main
from dgm_lite.datasets import files
from tests.cli.conftest import said


def test_list_names_every_model_and_data_set(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for name in [entry.name for entry in catalog.MODELS] + list(DATA):
        assert name in shown.out


def test_a_name_that_list_prints_is_never_a_file_of_the_folder(tmp_path, monkeypatch, capsys):
    """One rule for weights and for data: a path says that a file is meant."""
    monkeypatch.chdir(tmp_path)
    for name in [*inputs.shipped(), *DATA]:
        (tmp_path / name).write_bytes(b"something else")
    for name, file in inputs.shipped().items():
        assert inputs.weights_file(name) == files.path(file)
        assert inputs.weights_file(f"./{name}").read_bytes() == b"something else"
    assert main(["compress", "causal_arm_digits", "digits", "--out", "x.dgm"]) == 0
    capsys.readouterr()
    assert main(["compress", "causal_arm_digits", "./digits", "--out", "x.dgm"]) == 2
    assert "expected a .npy file or one of the data sets" in said(capsys)


def test_another_name_is_a_file_whatever_its_ending(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(files.path("gan_digits.safetensors"), "mine")
    assert inputs.weights_file("mine").samefile(tmp_path / "mine")


@pytest.mark.parametrize("command", ["evaluate", "sample", "compress", "decompress"])
def test_the_rule_is_said_in_help(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "./NAME is always a file" in " ".join(capsys.readouterr().out.split())
