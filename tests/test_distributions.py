"""The shared distributions against sums, quadrature and scipy."""

import math

import pytest
import torch
from scipy import stats

from dgm_lite.distributions import log_prob_logistic_mixture
from tests import laws


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
