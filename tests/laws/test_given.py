"""check_model and p(x | y): whatever takes labels is judged at each of them."""

import math

import pytest
import torch
from torch import nn

from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.laws import check_model


class PerClass(nn.Module):
    """x = mu_y + exp(s_y) eps: as a density, a bound, an energy and a bijection, each of them given y."""

    n_classes = 2

    def __init__(self):
        super().__init__()
        self.dim, self.mu, self.s = 1, nn.Embedding(2, 1), nn.Embedding(2, 1)

    def scaled(self, x, y):
        return (x - self.mu(y)) * (-self.s(y)).exp()

    def given(self, x, y):
        return (-0.5 * self.scaled(x, y) ** 2 - 0.5 * math.log(2 * math.pi) - self.s(y)).sum(1)

    @torch.no_grad()
    def sample(self, n, *, y, generator=None):
        eps = torch.randn(n, 1, generator=generator, dtype=self.mu.weight.dtype)
        return self.mu(y) + self.s(y).exp() * eps


class WithDensity(PerClass):
    def log_prob(self, x, y):
        return self.given(x, y)

    def loss(self, x, y):
        return -self.log_prob(x, y).mean()


class WithBound(PerClass):
    gap = 1.0

    def elbo(self, x, y):
        return self.given(x, y) - self.gap + 0.1 * torch.rand(len(x)).to(x)

    def importance_weighted(self, x, y, n_samples):
        rows, labels = x.repeat_interleave(n_samples, 0), y.repeat_interleave(n_samples, 0)
        return self.elbo(rows, labels).view(-1, n_samples).logsumexp(1) - math.log(n_samples)

    def exact(self, x, y):
        return self.given(x, y)

    def loss(self, x, y):
        return -self.elbo(x, y).mean()


class WithEnergy(PerClass):
    def energy(self, x, y):
        return 3 - self.given(x, y)


class WithBoth(WithDensity, WithEnergy):
    pass


class WithMap(WithDensity):
    def to_latent(self, x, y):
        return self.scaled(x, y), -self.s(y).sum(1)

    def to_data(self, z, y):
        return self.mu(y) + self.s(y).exp() * z


@pytest.mark.parametrize("kind", [WithDensity, WithBound, WithEnergy, WithBoth, WithMap])
def test_whatever_takes_labels_is_judged_at_each(kind):
    report = check_model(kind())
    assert report.holds, str(report)
    left = {r.text for r in report if r.status == "not tried"}
    known = ("promise it", "no log_prob to compare")
    assert not [text for text in left if not any(k in text for k in known)], left


def tilted(method):
    """The value of a method, wrong at one label alone."""

    def changed(self, x, y):
        return getattr(WithBoth, method)(self, x, y) + (y == 1) * x.detach().sum(1)

    return {method: changed}


def other_label(self, z, y):
    return WithMap.to_data(self, z, 0 * y)


def wrong_sign(self, x, y):
    return self.scaled(x, y), self.s(y).sum(1)


def same_for_all(self, x, y):
    return WithBound.elbo(self, x, y).mean().expand(len(x))


def of_the_batch(self, x, y):
    return WithEnergy.energy(self, x, y) + x.mean()


BROKEN = [
    (WithBound, {"gap": -0.5}, "elbo is at most"),
    (WithBound, {"gap": -0.5}, "exp(elbo) sums"),
    (WithBound, {"gap": -0.5}, "More importance samples"),
    (WithBound, {"elbo": same_for_all}, "elbo of one"),
    (WithEnergy, {"energy": of_the_batch}, "energy gives"),
    (WithBoth, tilted("energy"), "energy gives"),
    (WithDensity, tilted("log_prob"), "p(x) sums"),
    (WithMap, {"to_data": other_label}, "to_data undoes"),
    (WithMap, {"to_latent": wrong_sign}, "log_det is"),
]


@pytest.mark.parametrize(("kind", "change", "law"), BROKEN, ids=[f"{k}-{b[2]}" for k, b in enumerate(BROKEN)])
def test_what_is_wrong_at_a_label_is_named(kind, change, law):
    failures = check_model(type("Broken", (kind,), change)()).failures
    assert any(r.law.startswith(law) and "stopped with" not in r.text for r in failures), failures


def test_each_label_is_judged_by_its_own_examples():
    """That p(x | y) is 0 at what another label draws is no fault."""

    class Apart(nn.Module):
        n_classes = levels = 2

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def log_prob(self, x, y):
            return torch.where(x[:, 0] == y, 0.0, -torch.inf) + 0 * self.weight

        def sample(self, n, *, y, generator=None):
            return y[:, None]

    failures = {r.law for r in check_model(Apart()).failures}
    assert "No draw of the model itself is impossible" not in failures


class Latent(WithMap):
    """Its draws take no labels, its map does: the draws of all classes together."""

    def log_prob(self, x):
        return torch.stack([self.given(x, y.expand(len(x))) for y in torch.arange(2)]).logsumexp(
            0
        ) - math.log(2)

    def loss(self, x):
        return -self.log_prob(x).mean()

    def sample(self, n, *, generator=None):
        y = torch.randint(2, (n,), generator=generator)
        return super().sample(n, y=y, generator=generator)


def test_a_map_may_take_labels_where_draws_do_not():
    report = check_model(Latent())
    assert report.holds, str(report)


def test_draws_without_a_generator_are_named_with_labels_too():
    def sample(self, n, *, y):
        return WithDensity.sample(self, n, y=y)

    (failure,) = check_model(type("Deaf", (WithDensity,), {"sample": sample})()).failures
    assert failure.law.startswith("The same generator") and "takes no generator" in failure.text


@pytest.mark.parametrize("n_classes", [None, 2])
def test_bad_x_is_refused_as_such_with_good_labels(n_classes):
    torch.manual_seed(0)
    model = CausalARM(3, 3, channels=8, dilations=(1, 2), n_classes=n_classes)
    assert check_model(model, refusals=True).holds

    class Lenient(CausalARM):
        def log_prob(self, x, y=None):
            return super().log_prob(x.clamp(0, 2) if isinstance(x, torch.Tensor) else x, y)

    model.__class__ = Lenient
    assert "Bad input" in " ".join(r.law for r in check_model(model, refusals=True).failures)
