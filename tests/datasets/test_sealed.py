"""Nobody looks at the test split who has no business there: reading it raises."""

import pytest

from dgm_lite import catalog
from dgm_lite.catalog.data import DATA
from dgm_lite.cli.main import main
from dgm_lite.datasets import toys
from dgm_lite.joint.classifier import Classifier
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss
from dgm_lite.why import two_ways
from tests.datasets.sealed import OpenedError, sealed

QUICK = TrainConfig(epochs=2, batch_size=50)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_sealed_split_cannot_be_read(split):
    data = sealed(toys.two_moons(50), split)
    for look in (lambda: getattr(data, split), lambda: getattr(data, f"{split}_labels"),
                 lambda: data.split(split), lambda: data.columns(split)):  # fmt: skip
        with pytest.raises(OpenedError, match=split):
            look()
    for other in {"train", "valid", "test"} - {split}:
        assert len(data.split(other)[0])


@pytest.mark.parametrize("average", [None, 0.9])
def test_training_looks_at_no_test_example(tmp_path, average):
    data = sealed(toys.two_moons(100).labelled())
    config = TrainConfig(epochs=2, batch_size=50, average=average, patience=1)
    fit(Classifier(2, 2), data, config, checkpoint=tmp_path / "run.ckpt")
    fit(Classifier(2, 2), data, config, checkpoint=tmp_path / "run.ckpt")  # and going on does not either


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_no_model_is_trained_on_the_test_split(entry):
    """Every model and its start on a few rows of the data that the catalog names."""
    data = sealed(DATA[entry.data]().first(100))
    model = entry.build()
    if entry.start:
        getattr(model, entry.start)(data.train)
    fit(model, data, TrainConfig(epochs=1, batch_size=50))


def test_choosing_weights_on_the_test_split_is_noticed():
    """The planted error: a loop that keeps the weights of the best test loss."""
    data, model = sealed(toys.two_moons(50)), GaussianMixture(2, 2)
    with pytest.raises(OpenedError):
        mean_loss(model, data.split("test"))


def test_validation_looks_at_the_validation_split():
    with pytest.raises(OpenedError, match="valid"):
        fit(GaussianMixture(2, 2), sealed(toys.two_moons(50), "valid"), QUICK)


def test_both_ways_to_a_label_are_learnt_without_the_test_points():
    data = sealed(toys.orange_blue(200))
    for name, model in two_ways.contenders(data, two_ways.CLOUDS, 10, seed=0):
        assert len(model.log_prob(data.valid[:3])) == 3, name


@pytest.fixture
def catalogued(monkeypatch):
    """Put a sealed data set in the place of the catalog's two moons."""

    def seal(split: str) -> None:
        monkeypatch.setitem(DATA, "two-moons", lambda: sealed(toys.two_moons(200), split))

    return seal


def test_the_command_line_looks_at_test_only_when_told_to(catalogued, tmp_path, capsys):
    file = str(tmp_path / "mixture.safetensors")
    catalogued("test")
    options = ["--data", "two-moons", "--epochs", "1"]
    assert main(["train", "gaussian-mixture", "--out", file, *options]) == 0
    assert main(["evaluate", file]) == 0
    assert main(["sample", file, "--out", str(tmp_path / "drawn.npy")]) == 0
    with pytest.raises(OpenedError):
        main(["evaluate", file, "--split", "test"])
    catalogued("valid")
    assert main(["evaluate", file, "--split", "test"]) == 0
    with pytest.raises(OpenedError):
        main(["evaluate", file])
