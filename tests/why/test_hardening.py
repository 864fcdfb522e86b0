"""Training on the worst images nearby: the plain loss at other images, and what it buys."""

import pytest
import torch

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.joint.classifier import Classifier
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.why.hardening import Hardened
from dgm_lite.why.noise import untargeted

LEVELS = 9


@pytest.fixture(scope="module")
def strong_and_weak() -> Dataset:
    """Two classes: three pixels tell them apart by six levels, twenty others by one level and noise."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(600) % 2
    weak = 3 + y[:, None] + torch.randint(-1, 2, (600, 20), generator=generator)
    strong = 1 + 6 * y[:, None] + torch.randint(-1, 2, (600, 3), generator=generator)
    splits = [part for z in (torch.cat([strong, weak], 1), y) for part in z.split([400, 100, 100])]
    return Dataset("strong and weak", *splits, levels=LEVELS)


def test_its_loss_is_the_plain_one_at_the_worst_images():
    torch.manual_seed(0)
    classifier = Classifier(12, 3, hidden=8, scale=8.0)
    x, y = torch.randint(0, LEVELS, (30, 12)), torch.randint(0, 3, (30,))
    loss = Hardened(classifier, budget=1.5, levels=LEVELS, n_steps=4).loss(x, y)
    worst = untargeted(classifier, x, y, budget=1.5, levels=LEVELS, n_steps=4, whole=False)
    torch.testing.assert_close(loss, classifier.loss(worst, y))
    assert loss > classifier.loss(x, y)


def test_the_attack_leaves_no_gradient_in_the_weights():
    torch.manual_seed(0)
    classifier = Classifier(12, 3, hidden=8, scale=8.0)
    x, y = torch.randint(0, LEVELS, (30, 12)), torch.randint(0, 3, (30,))
    Hardened(classifier, budget=1, levels=LEVELS).loss(x, y).backward()
    alone = [p.grad.clone() for p in classifier.parameters()]
    classifier.zero_grad()
    worst = untargeted(classifier, x, y, budget=1, levels=LEVELS, n_steps=5, whole=False)
    classifier.loss(worst, y).backward()
    for one, other in zip(alone, (p.grad for p in classifier.parameters()), strict=True):
        torch.testing.assert_close(one, other)


def test_it_withstands_more_than_plain_training(strong_and_weak):
    data, right = strong_and_weak, {}
    for budget in (0, 2):
        torch.manual_seed(0)
        classifier = Classifier(23, 2, hidden=32, scale=8.0)
        model = Hardened(classifier, budget=budget, levels=LEVELS) if budget else classifier
        fit(model, data.labelled(), TrainConfig(epochs=12, lr=2e-2, batch_size=50), bar=False)
        worst = untargeted(classifier, data.test, data.test_labels, budget=2, levels=LEVELS)
        right[budget] = (classifier(worst).argmax(1) == data.test_labels).double().mean().item()
    assert right[2] > 0.9 and right[2] > right[0] + 0.1, right


@pytest.mark.parametrize(
    ("change", "message"),
    [({"budget": 0}, "budget above 0"), ({"n_steps": 0}, "n_steps"), ({"budget": float("nan")}, "got nan")],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        Hardened(Classifier(4, 2), **{"budget": 1, "levels": LEVELS, **change})
