"""The classifier: p(y | x) and nothing else."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.joint.classifier import Classifier
from dgm_lite.protocols import Density, Trainable


def classifier(**changes) -> Classifier:
    torch.manual_seed(0)
    return laws.prepare(Classifier(**{"dim": 3, "n_classes": 4, "hidden": 8} | changes))


X, Y = (
    torch.randn(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    torch.arange(10) % 4,
)


def test_probabilities_of_the_labels_sum_to_one():
    log_p = classifier().log_prob_labels(X)
    assert log_p.shape == (10, 4)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(10, dtype=torch.float64))


def test_the_loss_is_the_mean_log_probability_of_the_labels():
    model = classifier()
    expected = -torch.stack([model.log_prob_labels(X)[i, y] for i, y in enumerate(Y)]).mean()
    torch.testing.assert_close(model.loss(X, Y), expected)


def test_it_is_no_density():
    """Nobody can ask it how likely x is."""
    assert not isinstance(classifier(), Density) and isinstance(classifier(), Trainable)


def test_pixels_and_their_floats_are_the_same_input():
    model = classifier(scale=16.0)
    pixels = torch.randint(17, (6, 3))
    assert torch.equal(model.log_prob_labels(pixels), model.log_prob_labels(pixels.double()))
    torch.testing.assert_close(model(pixels), classifier()(pixels / 16.0))


def test_general_laws():
    model = classifier()
    laws.every_entry_gets_a_gradient(model, (X, Y))
    laws.players_move_only_their_own_weights(model, X, Y)
    laws.all_weights_are_registered(model)
    alone = torch.cat([model.log_prob_labels(x[None]) for x in X])
    torch.testing.assert_close(model.log_prob_labels(X), alone)


@pytest.mark.parametrize(
    "bad", [X[:, :2], X[0], X[:0], X.tolist(), X * torch.nan, X / 0], ids=lambda b: type(b).__name__
)
def test_bad_input_is_refused(bad):
    laws.refuses(lambda: classifier().log_prob_labels(bad), "Classifier")
    laws.refuses(lambda: classifier().loss(bad, Y), "Classifier")


@pytest.mark.parametrize("bad", [Y + 1, Y - 1, Y[:5], Y[:, None], Y.double(), Y.tolist()], ids=range(6))
def test_bad_labels_are_refused(bad):
    laws.refuses(lambda: classifier().loss(X, bad), "Classifier")


@pytest.mark.parametrize("size", ["dim", "n_classes", "hidden", "n_layers"])
def test_bad_sizes_are_refused(size):
    laws.refuses(lambda: classifier(**{size: 0}), "Classifier", size)
    with pytest.raises(ValueError):
        classifier(dropout=1.5)
    laws.refuses(lambda: classifier(scale=0.0), "Classifier", "scale")
