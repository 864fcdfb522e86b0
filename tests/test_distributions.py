"""The shared distributions against sums, quadrature and scipy."""

import math
import resource

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as td

from dgm_lite import laws
from dgm_lite.distributions import (
    DiagonalNormal,
    Logistics,
    level_counts,
    log_mean_weight,
    log_prob_logistic_mixture,
    sum_event,
)
from dgm_lite.latent.likelihoods import Bernoulli, Categorical


def test_the_sum_over_an_event_keeps_the_batch():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(sum_event(x), torch.stack([x[0].sum(), x[1].sum()]))
    assert torch.equal(sum_event(x[:, 0, 0]), x[:, 0, 0])


def test_levels_are_counted_without_writing_them_out():
    """4,000 images of 28 x 28 bytes: the counts, and not 6.4 GB of ones and zeros on the way to them."""
    x = torch.randint(7, (50, 5), generator=torch.Generator().manual_seed(0))
    assert torch.equal(level_counts(x, 9), torch.nn.functional.one_hot(x, 9).sum(0))
    assert torch.equal(level_counts(x.to(torch.uint8), 9), level_counts(x, 9))
    many = torch.full((4000, 784), 255, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert level_counts(many, 256)[:, 255].eq(4000).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000, "kilobytes"


@pytest.mark.parametrize("levels", [1, 2, 9, 256])
def test_logistics_draw_what_they_say(levels):
    generator = torch.Generator().manual_seed(levels)
    given = [torch.randn(1, 2, 3, generator=generator, dtype=torch.float64) for _ in range(3)]
    one = Logistics(*given, levels)
    p = one.table().exp()
    torch.testing.assert_close(p.sum(2), torch.ones(1, 2, dtype=torch.float64))
    torch.testing.assert_close(one.mean, (p * torch.arange(levels)).sum(2))
    x = torch.randint(levels, (1, 2), generator=generator)
    torch.testing.assert_close(one.log_prob(x)[0], p[0, [0, 1], x[0]].log().sum())
    n = 20_000
    drawn = Logistics(*(v.expand(n, -1, -1) for v in given), levels).sample(generator=generator)
    assert drawn.shape == (n, 2) and drawn.dtype == torch.long
    for d in (0, 1):
        seen, expected = torch.bincount(drawn[:, d], minlength=levels).numpy(), (n * p[0, d]).numpy()
        common = expected > 5
        seen, expected = [np.r_[v[common], v[~common].sum()] for v in (seen, expected)]
        assert stats.chisquare(seen, expected * n / expected.sum() + 1e-9).pvalue > laws.SURE


def mixture(*shape: int, seed: int = 0, wide: float = 1.0):
    """Random logits, means in and around 0..16, and log standard deviations from narrow to wide."""
    generator = torch.Generator().manual_seed(seed)
    logits, mu, log_std = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    return logits, 8 + 10 * mu, wide * log_std


@pytest.mark.parametrize("levels", [1, 2, 3, 17, 256])
@pytest.mark.parametrize("wide", [0.1, 1.0, 3.0])
def test_levels_sum_to_one(levels, wide):
    """With narrow, wide and misplaced logistics: the edge bins absorb what lies outside."""
    table = [p[:, None].expand(-1, levels, -1) for p in mixture(20, 4, wide=wide)]
    x = torch.arange(levels).expand(20, -1)
    mass = log_prob_logistic_mixture(x, *table, levels=levels).exp().sum(1)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-12)


def test_all_integers_sum_to_one():
    x = torch.arange(-3000, 3001).expand(5, -1)
    table = [p[:, None].expand(-1, x.shape[1], -1) for p in mixture(5, 4)]
    mass = log_prob_logistic_mixture(x, *table).exp().sum(1)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-10)


def test_is_the_mass_between_the_edges_of_the_cell():
    logits, mu, log_std = mixture(7, 3)
    x = torch.arange(5, 12)
    scale = log_std.exp() * math.sqrt(3) / math.pi
    inside = [stats.logistic.cdf((x[:, None] + half - mu) / scale) for half in (0.5, -0.5)]
    expected = (logits.softmax(1) * torch.tensor(inside[0] - inside[1])).sum(1).log()
    torch.testing.assert_close(log_prob_logistic_mixture(x, logits, mu, log_std), expected)
    torch.testing.assert_close(log_prob_logistic_mixture(x, logits, mu, log_std, levels=17), expected)


def test_log_std_is_the_standard_deviation():
    """In units of x: a wide logistic on all integers has that standard deviation, plus the cell's 1/12."""
    x = torch.arange(-2000, 2001)
    one = torch.zeros(len(x), 1, dtype=torch.float64)
    p = log_prob_logistic_mixture(x, one, one + 3, one + math.log(20)).exp()
    assert (p * x).sum().item() == pytest.approx(3)
    assert (p * (x - 3) ** 2).sum().item() == pytest.approx(400 + 1 / 12)


def test_far_tails_are_exact_and_have_gradients():
    """A thousand scales away the log-probability falls in a straight line, and its gradient with it."""
    scale = math.sqrt(3) / math.pi
    x = torch.tensor([1000, 2000, 4000])
    mu = torch.zeros(3, 1, requires_grad=True)
    for levels in (None, 10**6):
        value = log_prob_logistic_mixture(x, torch.zeros(3, 1), mu, torch.zeros(3, 1), levels=levels)
        expected = -(x.double() - 0.5) / scale + math.log(-math.expm1(-1 / scale))
        torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=0)
        (gradient,) = torch.autograd.grad(value.sum(), mu)
        torch.testing.assert_close(gradient, torch.full_like(mu, 1 / scale))


def test_gradients_agree_with_differences():
    parameters = [p.requires_grad_() for p in mixture(6, 2)]
    x = torch.tensor([0, 1, 7, 15, 16, 16])
    assert torch.autograd.gradcheck(lambda *p: log_prob_logistic_mixture(x, *p, levels=17), parameters)


def test_bad_shapes_are_refused():
    logits, mu, log_std = mixture(6, 2)
    x = torch.zeros(6, dtype=torch.long)
    laws.refuses(lambda: log_prob_logistic_mixture(x, logits, mu[:, :1], log_std), "logits, mu and log_std")
    laws.refuses(lambda: log_prob_logistic_mixture(x[:5], logits, mu, log_std), "(5, 'K')")


# --- distributions, one for each row ------------------------------------------------------------


def test_diagonal_normal_is_torchs():
    mu, log_std = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    x = torch.randn(7, 3, dtype=torch.float64)
    expected = td.Independent(td.Normal(mu, log_std.exp()), 1).log_prob(x)
    torch.testing.assert_close(DiagonalNormal(mu, log_std).log_prob(x), expected)
    torch.testing.assert_close(DiagonalNormal(mu, log_std).mean, mu)


def test_diagonal_normal_with_one_shared_sigma_keeps_every_constant():
    mu, x = torch.randn(7, 3), torch.randn(7, 3)
    shared = DiagonalNormal(mu, torch.tensor(0.3)).log_prob(x)
    torch.testing.assert_close(shared, DiagonalNormal(mu, torch.full((7, 3), 0.3)).log_prob(x))


def test_diagonal_normal_draws_have_its_moments_and_pass_gradients():
    mu = torch.full((20_000, 2), 1.5, requires_grad=True)
    log_std = torch.full((20_000, 2), -1.0, requires_grad=True)
    z = DiagonalNormal(mu, log_std).sample(generator=torch.Generator().manual_seed(0))
    assert z.mean().item() == pytest.approx(1.5, abs=0.01)
    assert z.std().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.02)
    z.sum().backward()
    assert (mu.grad == 1).all() and log_std.grad.abs().sum() > 0


def test_diagonal_normal_knows_the_density_of_its_own_draw():
    """Value and gradients are those of log_prob at the draw, and the draw is sample's."""
    parameters = [torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    q = DiagonalNormal(*parameters)
    x, log_q = q.draw(generator=torch.Generator().manual_seed(0))
    assert torch.equal(x, q.sample(generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(log_q, q.log_prob(x))
    values = (x.sin().sum(1) - log_q, x.sin().sum(1) - q.log_prob(x))
    ours, theirs = (torch.autograd.grad(v.sum(), parameters, retain_graph=True) for v in values)
    torch.testing.assert_close(ours, theirs)


def test_categorical_is_torchs():
    logits, x = torch.randn(5, 4, 6, dtype=torch.float64), torch.randint(6, (5, 4))
    ours, theirs = Categorical(logits), td.Independent(td.Categorical(logits=logits), 1)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.mean, (logits.softmax(2) * torch.arange(6)).sum(2))


def test_categorical_draws_follow_the_probabilities():
    logits = torch.tensor([[[0.0, 1.0, 2.0], [3.0, 0.0, -30.0]]]).expand(30_000, 2, 3)
    x = Categorical(logits).sample(generator=torch.Generator().manual_seed(0))
    assert x.shape == (30_000, 2) and x.dtype == torch.long
    share = torch.stack([(x == k).double().mean(0) for k in range(3)], dim=1)
    torch.testing.assert_close(share, logits[0].double().softmax(1), atol=0.01, rtol=0)


def test_bernoulli_is_torchs_also_where_probabilities_underflow():
    logits, x = torch.randn(5, 4, dtype=torch.float64), torch.randint(2, (5, 4))
    expected = td.Independent(td.Bernoulli(logits=logits), 1).log_prob(x.double())
    torch.testing.assert_close(Bernoulli(logits).log_prob(x), expected)
    sure = Bernoulli(torch.tensor([[800.0, -800.0]]))
    assert sure.log_prob(torch.tensor([[0, 1]])).item() == -1600
    assert sure.log_prob(torch.tensor([[1, 0]])).item() == 0
    torch.testing.assert_close(sure.mean, torch.tensor([[1.0, 0.0]]))


@pytest.mark.parametrize("distribution", [
    DiagonalNormal(torch.zeros(4, 3), torch.zeros(4, 3)),
    Categorical(torch.zeros(4, 3, 5)),
    Bernoulli(torch.zeros(4, 3)),
])  # fmt: skip
def test_draws_are_repeatable(distribution):
    first, again = (distribution.sample(generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again) and first.shape == (4, 3)
    assert distribution.log_prob(first).shape == (4,)


def lognormal(x):
    """log weights with E[w] = e^x: lognormal with sigma = 1."""
    return x[:, 0] + torch.randn(len(x), dtype=x.dtype) - 0.5


def test_log_mean_weight_has_its_k():
    """Constant weights: the mean of k equal numbers is that number, for every k."""
    x = torch.tensor([[1.0], [-2.0], [0.5]])
    for k in (1, 2, 7, 1000):
        torch.testing.assert_close(log_mean_weight(lambda r: r[:, 0], x, k), x[:, 0])


@pytest.mark.parametrize(("at_once", "n_samples"), [(1, 50), (7, 50), (50, 40_000), (100_000, 40_000)])
def test_log_mean_weight_does_not_depend_on_how_the_draws_are_split(at_once, n_samples):
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    calls = []

    def counted(rows):
        calls.append(len(rows))
        return lognormal(rows)

    value = log_mean_weight(counted, x, n_samples, at_once=at_once)
    torch.testing.assert_close(value, x[:, 0], atol=5 * math.sqrt((math.e - 1) / n_samples), rtol=0)
    assert sum(calls) == 2 * n_samples and max(calls) <= at_once and value.shape == (2,)


def test_log_mean_weight_passes_gradients_and_refuses_no_draws():
    x = torch.ones(3, 1, requires_grad=True)
    log_mean_weight(lognormal, x, 5).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(3, 1))
    with pytest.raises(ValueError, match="expected n_samples to be a whole number from 1 up, got 0"):
        log_mean_weight(lognormal, x, 0)
