"""EM where some labels are known: it never falls, it agrees with counting, and known labels are believed."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.toys import orange_blue
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.joint.expectation_maximisation import UNKNOWN, em, log_prob_known, log_prob_parts
from dgm_lite.latent.mixture import GaussianMixture

DATA = orange_blue(300)
X, Y = DATA.train.double(), DATA.train_labels


def some_known(n: int) -> torch.Tensor:
    """The first n labels."""
    return torch.where(torch.arange(len(Y)) < n, Y, UNKNOWN)


def start(n_components: int = 2, n_classes: int = 2) -> ClassConditional:
    generator = torch.Generator().manual_seed(0)
    own = [X[label == Y] if n_classes > 1 else X for label in range(n_classes)]
    mixtures = [GaussianMixture(2, n_components).double() for _ in own]
    started = [m.start_from_data(x, generator=generator) for m, x in zip(mixtures, own, strict=True)]
    model = ClassConditional(started)
    return model.double().eval()


@torch.no_grad()
def test_the_objective_by_hand():
    """log p(x | y) p(y) of a labelled point; log sum_y p(x | y) p(y) of another."""
    model, y = start(), some_known(100)
    each = torch.stack([d.log_prob(X).exp() for d in model.densities], 1) * model.class_logits.softmax(0)
    expected = torch.cat([each[torch.arange(100), Y[:100]], each[100:].sum(1)]).log()
    torch.testing.assert_close(log_prob_known(model, X, y), expected)
    torch.testing.assert_close(log_prob_parts(model, X, y).flatten(1).logsumexp(1), expected)


@pytest.mark.parametrize("n_known", [0, 20, len(Y)])
@pytest.mark.parametrize("n_components", [1, 3])
def test_no_round_makes_it_smaller(n_known, n_components):
    trace = torch.tensor(em(start(n_components), X, some_known(n_known), rounds=60))
    assert (trace.diff() > -1e-10).all() and trace[-1] > trace[0]


def imagined_too(model: ClassConditional, y: torch.Tensor, imagined: float) -> float:
    """What ``em`` climbs with imagined points: they stand around their component's mean."""
    n = sum(len(d.mu) for d in model.densities)
    spread = X.std(0, correction=0) / n**0.5
    total = log_prob_known(model, X, y).sum()
    for density, log_py in zip(model.densities, model.class_logits.log_softmax(0), strict=True):
        size = ((density.whitening() * spread[:, None]) ** 2).sum((1, 2))
        log_pk = density.logits.log_softmax(0) - density.log_std.sum(1) - 0.5 * size
        total = total + imagined * (log_py + log_pk).sum()
    return total.item()


@torch.no_grad()
def test_imagined_points_are_climbed_too():
    model, y = start(3), some_known(20)
    found = []
    for _ in range(30):
        found.append(imagined_too(model, y, 2.0))
        em(model, X, y, rounds=1, imagined=2.0)
    assert (torch.tensor(found).diff() > -1e-9).all() and found[-1] > found[0] + 1


def test_with_every_label_one_round_gives_each_class_its_mean_and_covariance():
    model = start(1)
    em(model, X, Y, rounds=1)
    for label, density in enumerate(model.densities):
        mine = X[label == Y]
        torch.testing.assert_close(density.mu[0], mine.mean(0))
        found = torch.linalg.inv(density.whitening()[0] @ density.whitening()[0].T)
        torch.testing.assert_close(found, mine.T.cov(correction=0))
    torch.testing.assert_close(model.class_logits.softmax(0), Y.bincount().double() / len(Y))


def test_a_single_class_without_labels_is_plain_em():
    """p(x) of the first factorisation: the gradient of its likelihood vanishes where EM rests."""
    model = start(3, n_classes=1)
    em(model, X, torch.full_like(Y, UNKNOWN), rounds=3000)
    model.densities[0].loss(X).backward()
    for name, weight in model.densities[0].named_parameters():
        assert weight.grad.abs().max() < 1e-5, name


def test_an_unknown_label_helps_and_a_known_one_is_believed():
    """Ten labels and all points find more of the other labels than the ten alone, with densities that fit."""
    y = some_known(10)
    y[Y[:10].argmin()], known = 0, y != UNKNOWN
    alone, both = start(1), start(1)
    em(alone, X[known], y[known], imagined=1.0)
    em(both, X, y, imagined=1.0)
    right = [(m.log_prob_labels(X).argmax(1) == Y).double().mean().item() for m in (alone, both)]
    assert right[1] > 0.95 and right[1] >= right[0]
    assert (log_prob_parts(both, X, y).exp()[:10].sum(2).argmax(1) == y[:10]).all()


def test_no_component_shrinks_onto_a_point():
    model, x = start(4), X[:6]
    em(model, x, Y[:6], rounds=300, imagined=0.5)
    widths = torch.linalg.inv(model.densities[0].whitening()).diagonal(dim1=1, dim2=2)
    assert all(p.isfinite().all() for p in model.parameters()) and widths.min() > 0.05
    laws.refuses(lambda: em(start(4), x, Y[:6], rounds=300), "imagined")


@pytest.mark.parametrize("bad", [Y + 1, Y - 2, Y[:5], Y[:, None]], ids=["above", "below", "few", "wide"])
def test_bad_labels_are_refused(bad):
    laws.refuses(lambda: em(start(), X, bad), "labels")
    laws.refuses(lambda: log_prob_known(start(), X, bad), "labels")


def test_bad_points_are_refused():
    laws.refuses(lambda: em(start(), X[:, :1], Y))
    laws.refuses(lambda: em(start(), X * torch.nan, Y))
