"""p(x, y) = p(x | y) p(y): Bayes' rule by hand, and a joint sampler."""

import pytest
import torch
from scipy import stats
from torch import nn

from dgm_lite import laws
from dgm_lite.flows.coupling import RealNVP
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from dgm_lite.protocols import Density, Sampler, Trainable


def joint() -> ClassConditional:
    torch.manual_seed(0)
    return laws.prepare(ClassConditional([BernoulliMixture(4, 2) for _ in range(3)]))


X = laws.domain(4, 2)
Y = torch.arange(len(X)) % 3


def test_it_sums_to_one_over_labels_and_objects():
    model = joint()
    assert model.log_prob_joint(X).exp().sum().item() == pytest.approx(1, abs=1e-10)
    assert model.log_prob(X).exp().sum().item() == pytest.approx(1, abs=1e-10)


def test_bayes_rule():
    """p(y | x) = p(x | y) p(y) / sum_y' p(x | y') p(y'), written out."""
    model = joint()
    prior = model.class_logits.softmax(0)
    likelihood = torch.stack([d.log_prob(X).exp() for d in model.densities], dim=1)
    expected = likelihood * prior / (likelihood * prior).sum(1, keepdim=True)
    torch.testing.assert_close(model.log_prob_labels(X).exp(), expected)
    rows = torch.arange(len(X))
    torch.testing.assert_close(model.log_prob_joint(X, Y).exp(), (likelihood * prior)[rows, Y])
    torch.testing.assert_close(model.log_prob(X, Y).exp(), likelihood[rows, Y])


def test_given_a_label_it_sums_to_one_over_objects():
    """`log_prob(x, y)` is log p(x | y), as in every model that takes labels."""
    model = joint()
    for y in range(3):
        labels = torch.full((len(X),), y)
        assert model.log_prob(X, labels).exp().sum().item() == pytest.approx(1, abs=1e-10)


def test_draws_have_the_marginal_distribution():
    model = joint()
    n = 10_000
    x = model.sample(n, generator=torch.Generator().manual_seed(0))
    seen = torch.bincount((x * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16)
    expected = model.log_prob(X).exp() * n
    assert stats.chisquare(seen.numpy(), (expected * n / expected.sum()).detach().numpy()).pvalue > laws.SURE


def test_draws_come_in_random_order_of_classes():
    """The first half has every class in its share, as the second has."""
    torch.manual_seed(0)
    model = ClassConditional([GaussianMixture(2, 1) for _ in range(3)]).eval()
    with torch.no_grad():
        for k, density in enumerate(model.densities):
            density.mu.fill_(100.0 * k)
        model.class_logits.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    y = (model.sample(3000, generator=torch.Generator().manual_seed(0))[:, 0] / 100).round().long()
    for half in (y[:1500], y[1500:]):
        share = torch.bincount(half, minlength=3) / 1500
        assert (share - torch.tensor([0.5, 0.3, 0.2])).abs().max() < 0.05


def test_general_laws():
    model = joint()
    assert isinstance(model, Density) and isinstance(model, Sampler) and isinstance(model, Trainable)
    laws.every_entry_gets_a_gradient(model, (X, Y))
    laws.players_move_only_their_own_weights(model, X, Y)
    laws.all_weights_are_registered(model)
    laws.value_ignores_the_batch(model, X)
    laws.draws_are_repeatable(model)
    torch.testing.assert_close(model.loss(X, Y), -model.log_prob_joint(X, Y).mean())


def test_each_density_learns_from_its_own_class_only():
    model = joint()
    model.loss(X[Y != 2], Y[Y != 2]).backward()
    for k, density in enumerate(model.densities):
        moved = any(p.grad is not None and p.grad.abs().max() > 0 for p in density.parameters())
        assert moved == (k != 2)


@pytest.mark.parametrize("bad", [[], [nn.Linear(1, 1)]])
def test_what_are_no_densities_is_refused(bad):
    laws.refuses(lambda: ClassConditional(bad), "ClassConditional")


def test_bad_input_is_refused():
    model = joint()
    laws.refuses(lambda: model.log_prob(X[:, :2]))
    laws.refuses(lambda: model.log_prob(X, Y + 1), "ClassConditional")
    laws.refuses(lambda: model.loss(X, Y[:3]), "ClassConditional")
    laws.refuses(lambda: model.sample(0), "ClassConditional")


def test_drawing_uses_no_dropout_and_measures_go_through_torch_func():
    torch.manual_seed(0)

    class Careless(RealNVP):
        def sample(self, n, *, generator=None):
            return self.bijection.to_data(self.base.sample(n, generator=generator)).detach()

    model = ClassConditional([Careless(2, 2, hidden=5, dropout=0.5) for _ in range(2)]).double()
    x = torch.randn(4, 2, dtype=torch.float64)
    laws.drawing_and_inverting_use_no_dropout(model, x)
    laws.goes_through_torch_func(model.eval(), x)
