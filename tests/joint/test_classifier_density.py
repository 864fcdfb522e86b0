"""p(x, y) = p(y | x) p(x), and the right not to decide."""

import pytest
import torch
from torch import nn

from dgm_lite import laws, weights
from dgm_lite.flows.coupling import RealNVP
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.classifier_density import REJECT, ClassifierDensity
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture


def joint() -> ClassifierDensity:
    torch.manual_seed(0)
    return laws.prepare(ClassifierDensity(Classifier(2, 3, hidden=8), GaussianMixture(2, 3)))


X, Y = (
    torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    torch.arange(12) % 3,
)


def test_both_factors_are_in_the_joint():
    model = joint()
    table = model.log_prob_joint(X)
    assert table.shape == (12, 3)
    torch.testing.assert_close(table.logsumexp(1), model.log_prob(X))
    torch.testing.assert_close(table.log_softmax(1), model.classifier.log_prob_labels(X))
    torch.testing.assert_close(model.log_prob_joint(X, Y), table[torch.arange(12), Y])


def test_it_sums_to_one_over_labels_and_objects():
    """Enumerated: 2^4 objects, 3 labels."""
    torch.manual_seed(0)
    model = laws.prepare(ClassifierDensity(Classifier(4, 3, hidden=8), BernoulliMixture(4, 2)))
    x = laws.domain(4, 2)
    total = sum(model.log_prob_joint(x, torch.full((16,), y)).exp().sum() for y in range(3))
    assert total.item() == pytest.approx(1, abs=1e-10)


def test_it_never_rejects_before_it_is_told_to():
    decision = joint().decide(1e3 * X)
    assert (decision.label != REJECT).all()


def test_it_rejects_the_share_of_ordinary_objects_that_it_was_told():
    model = joint()
    heldout = model.density.sample(4000, generator=torch.Generator().manual_seed(0))
    assert model.reject_below(heldout, 0.05) is model
    fresh = model.density.sample(4000, generator=torch.Generator().manual_seed(1))
    assert (model.decide(fresh).label == REJECT).double().mean().item() == pytest.approx(0.05, abs=0.015)
    assert (model.decide(X + 1e3).label == REJECT).all(), "what is far from all data is rejected"


def test_the_threshold_separates_exactly():
    model = joint()
    model.reject_below(X, 0.5)
    decision = model.decide(X)
    assert torch.equal(decision.label == REJECT, decision.log_px < model.threshold)
    best = model.classifier.log_prob_labels(X).exp().max(1)
    torch.testing.assert_close(decision.confidence, best.values)
    kept = decision.label != REJECT
    assert kept.any() and torch.equal(decision.label[kept], best.indices[kept])


def test_the_threshold_is_saved_with_the_weights(tmp_path):
    model, other = joint().reject_below(X, 0.3), joint()
    weights.save(model, tmp_path / "joint.safetensors")
    weights.load(other, tmp_path / "joint.safetensors")
    assert torch.equal(other.decide(X).label, model.decide(X).label)
    assert (model.decide(X).label == REJECT).any()


def test_it_shares_no_weights():
    model = joint()
    ids = [{id(p) for p in part.parameters()} for part in (model.classifier, model.density)]
    assert not ids[0] & ids[1]


def test_what_has_no_likelihood_is_refused():
    laws.refuses(lambda: ClassifierDensity(Classifier(2, 3), nn.Linear(2, 1)), "ClassifierDensity", "Linear")


@pytest.mark.parametrize("quantile", [-0.1, 1.0, float("nan")])
def test_a_quantile_out_of_range_is_refused(quantile):
    laws.refuses(lambda: joint().reject_below(X, quantile), "quantile")


@pytest.mark.parametrize("bad", [Y + 1, Y[:5], Y.double()], ids=["range", "length", "dtype"])
def test_bad_labels_are_refused(bad):
    laws.refuses(lambda: joint().log_prob_joint(X, bad), "ClassifierDensity")


def test_bad_objects_are_refused():
    for call in (joint().log_prob, joint().decide, joint().log_prob_joint):
        laws.refuses(lambda: call(X[:, :1]))  # noqa: B023
        laws.refuses(lambda: call(X[:0]))  # noqa: B023


def test_deciding_uses_no_dropout():
    """In training mode as in eval mode: labels, confidences, and the threshold itself."""
    torch.manual_seed(0)
    model = laws.prepare(
        ClassifierDensity(Classifier(2, 3, hidden=8, dropout=0.5), RealNVP(2, 2, dropout=0.5))
    )
    expected = [model.reject_below(X, 0.3).threshold.clone(), *vars(model.decide(X)).values()]
    model.train()
    found = [model.reject_below(X, 0.3).threshold, *vars(model.decide(X)).values()]
    assert all(map(torch.equal, found, expected)) and all(part.training for part in model.modules())


def test_it_goes_through_torch_func():
    laws.goes_through_torch_func(joint(), X[:4])
