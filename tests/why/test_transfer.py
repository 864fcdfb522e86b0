"""Classifiers that an attacker has not seen: who learns from what."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import orange_blue
from dgm_lite.joint.classifier import Classifier
from dgm_lite.why import transfer


def start() -> Classifier:
    return Classifier(2, 2, hidden=8)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return orange_blue(200)


def test_a_seed_is_a_start_of_its_own_and_the_end_is_fixed(data):
    state = torch.get_rng_state()
    one, two, same = (transfer.trained(start, data, seed=s, epochs=2, lr=0.01) for s in (1, 2, 1))
    assert torch.equal(torch.get_rng_state(), state), "what is drawn afterwards does not depend on it"
    weights = [classifier.net[0].weight for classifier in (one, two, same)]
    assert torch.equal(weights[0], weights[2]) and not torch.equal(weights[0], weights[1])
    assert not any(w.requires_grad for w in one.parameters())


def test_settings_are_used(data):
    slow, fast = (transfer.trained(start, data, seed=0, epochs=2, lr=lr) for lr in (1e-6, 0.1))
    assert not torch.allclose(slow.net[0].weight, fast.net[0].weight, atol=1e-3)


def test_fewer_changes_the_training_examples_only(data):
    few = transfer.fewer(data, 30)
    assert torch.equal(few.train, data.train[:30]) and torch.equal(few.train_labels, data.train_labels[:30])
    for split in ("valid", "test"):
        assert torch.equal(getattr(few, split), getattr(data, split))
    for n in (0, len(data.train) + 1):
        laws.refuses(lambda n=n: transfer.fewer(data, n), "fewer", str(n))


def test_other_examples_are_as_many_and_none_is_the_same(data):
    other, n = transfer.other_examples(data), len(data.valid)
    assert torch.equal(other.train, data.valid) and torch.equal(other.train_labels, data.valid_labels)
    assert torch.equal(other.valid, data.train[:n]) and torch.equal(other.valid_labels, data.train_labels[:n])
    assert torch.equal(other.test, data.test)


def test_the_nearest_neighbour_votes(data):
    train, labels = torch.tensor([[0, 0], [9, 9]]), torch.tensor([2, 0])
    votes = transfer.nearest_neighbour(train, labels, 3)
    assert votes(torch.tensor([[1.0, 2.0], [8.0, 5.0]])).tolist() == [[0, 0, 1], [1, 0, 0]]
    laws.refuses(lambda: transfer.nearest_neighbour(train, labels[:1], 3), "nearest_neighbour")
    laws.refuses(lambda: transfer.nearest_neighbour(train, labels, 2), "nearest_neighbour")
