"""``evaluate``: the right figures, the same each time."""

import pytest

from dgm_lite import catalog
from dgm_lite.cli.main import main
from tests.cli.conftest import said


def test_weights_without_their_data_set_are_refused(tmp_path, capsys):
    entry = catalog.model("gaussian-mixture")
    catalog.save(entry.build(), tmp_path / "w.safetensors", entry.name, entry.arguments)
    assert main(["evaluate", str(tmp_path / "w.safetensors")]) == 2
    assert "expected a file that says its data set" in capsys.readouterr().err


def test_a_model_without_likelihood_is_measured_by_its_samples(tmp_path, capsys):
    file = tmp_path / "gan.safetensors"
    assert main(["train", "gan", "--epochs", "1", "--out", str(file)]) == 0
    assert main(["evaluate", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.count("no likelihood; a forest tells samples from data in") == 2 and "bits/dim" not in said


def test_the_same_figures_on_each_run(capsys):
    """Also where a bound is measured by draws of its own."""
    shown = []
    for seed in ("0", "0", "1"):
        assert main(["evaluate", "vae_digits", "--seed", seed]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] and shown[0] != shown[2] and "lower bound" in shown[0]


@pytest.mark.parametrize("seed", ["99999999999999999999", "-1"])
def test_seeds_that_cannot_be(seed, capsys):
    assert main(["evaluate", "vae_digits", "--seed", seed]) == 2
    assert "evaluate: expected --seed from 0 to 9,223,372,036,854,775,807" in said(capsys)


def test_the_largest_seed(tmp_path):
    assert main(["evaluate", "gan_digits", "--seed", str(2**63 - 1)]) == 0
