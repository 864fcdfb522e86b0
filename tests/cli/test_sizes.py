"""A model of the catalog takes the sizes of the data, or says which data it takes."""

import pytest
import torch

from dgm_lite import catalog
from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.cli import sizes
from dgm_lite.protocols import Trainable


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_every_model_on_every_data_set(entry, name):
    """It is built and has a finite loss on them, or is refused with those that it takes."""
    data = dataset(name)
    if not sizes.fits(entry, data):
        with pytest.raises(ValueError, match=f"data sets .*{entry.data}.* for {entry.name}, got {name}"):
            sizes.arguments(entry, name)
        return
    torch.manual_seed(0)
    model = entry.build(**sizes.arguments(entry, name))
    if entry.start:
        getattr(model, entry.start)(data.train[:200])
    losses = [model.loss] if isinstance(model, Trainable) else [p.loss for p in model.players()]
    assert all(loss(data.train[:3]).isfinite() for loss in losses)


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_its_own_data_need_no_changes(entry):
    assert sizes.fits(entry, dataset(entry.data)) and sizes.arguments(entry, entry.data) == entry.arguments


def test_the_bigger_digits():
    entry = catalog.model("causal-arm")
    assert sizes.arguments(entry, "digits28") == {**entry.arguments, "dim": 784, "levels": 256}
    arguments = sizes.arguments(catalog.model("gan-digits"), "two-moons")
    low, high = arguments["limits"]
    data = dataset("two-moons").train
    assert arguments["dim"] == 2 and low <= data.min() and high >= data.max()
