"""Likelihoods are distributions over x for every z, and refuse what x can't be."""

import math
import time

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.latent.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLikelihood,
    LogisticLikelihood,
)
from dgm_lite.latent.vae import categorical_vae, logistic_vae
from dgm_lite.nets import mlp

DISCRETE = {
    "free logits": lambda: CategoricalLikelihood(mlp(2, 6, 9), 3, levels=3),
    "two powers": lambda: CategoricalLikelihood(mlp(2, 6, 6), 3, levels=3, powers=2),
    "logistics": lambda: LogisticLikelihood(mlp(2, 6, 18), 3, levels=3, n_logistics=2),
    "black and white": lambda: BernoulliLikelihood(mlp(2, 6, 3), 3),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_sums_to_one_for_every_z(name):
    torch.manual_seed(0)
    likelihood = laws.prepare(DISCRETE[name]())
    x = laws.domain(3, likelihood.levels)
    for z in 2 * torch.randn(4, 2, dtype=torch.float64):
        mass = likelihood(z.expand(len(x), 2)).log_prob(x).exp().sum().item()
        assert mass == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", DISCRETE)
def test_draws_and_mean_are_those_of_the_distribution(name):
    likelihood = laws.prepare(DISCRETE[name]())
    x = laws.domain(3, likelihood.levels)
    z = torch.randn(1, 2, dtype=torch.float64)
    p = likelihood(z.expand(len(x), 2)).log_prob(x).exp()
    given_z = likelihood(z.expand(20_000, 2))
    torch.testing.assert_close(given_z.mean[0], p @ x.double())
    drawn = given_z.sample(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.double().mean(0), p @ x.double(), atol=0.03, rtol=0)


@pytest.mark.parametrize("name", DISCRETE)
def test_the_table_holds_every_level_for_a_codec(name):
    likelihood = laws.prepare(DISCRETE[name]())
    given_z = likelihood(torch.randn(1, 2, dtype=torch.float64))
    log_p = given_z.table().log_softmax(-1)
    assert log_p.shape == (1, 3, likelihood.levels)
    for x in laws.domain(3, likelihood.levels)[::5]:
        torch.testing.assert_close(log_p[0, torch.arange(3), x].sum(), given_z.log_prob(x[None])[0])


def test_logistics_start_near_the_histogram_whatever_the_net_says():
    """Means move in units of a pixel's own width: one that never varies stays where it is."""
    x = torch.randint(0, 256, (400, 3), generator=torch.Generator().manual_seed(0))
    x = x // torch.tensor([1, 8, 256]) + torch.tensor([0, 100, 7])
    torch.manual_seed(0)
    likelihood = LogisticLikelihood(mlp(2, 6, 27), 3, levels=256)
    likelihood.start_from_data(x)
    nats = likelihood(torch.randn(400, 2)).log_prob(x).mean().item()
    assert nats > -(math.log(256) + math.log(32) + 3.5)


def test_a_head_of_logistics_is_several_times_cheaper_for_bytes():
    """100 images of 784 pixels with 256 levels: 0.08 s a step on one core, against 0.5 s."""
    x = torch.randint(256, (100, 784))

    def seconds(model: nn.Module) -> float:
        tries = []
        for _ in range(3):
            start = time.perf_counter()
            model.loss(x).backward()
            tries.append(time.perf_counter() - start)
        return min(tries)

    assert seconds(categorical_vae(784, 256)) > 2 * seconds(logistic_vae(784, 256))


def test_gaussian_is_torchs():
    likelihood = laws.prepare(GaussianLikelihood(nn.Linear(2, 3), 3, std=0.5))
    z, x = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    expected = torch.distributions.Normal(likelihood.net(z), likelihood.log_std.exp()).log_prob(x).sum(1)
    torch.testing.assert_close(likelihood(z).log_prob(x), expected)


def test_starting_from_data_is_the_best_that_can_be_done_without_z():
    """With a silent net the likelihood is the histogram of each pixel."""
    x = torch.randint(0, 3, (400, 3)) % torch.tensor([3, 2, 1])
    likelihood = CategoricalLikelihood(nn.Linear(2, 6), 3, levels=3, powers=2)
    nn.init.zeros_(likelihood.net.weight)
    nn.init.zeros_(likelihood.net.bias)
    likelihood.start_from_data(x)
    share = torch.stack([(x == k).double().mean(0) for k in range(3)], dim=1)
    torch.testing.assert_close(likelihood.marginal.double().exp(), share, atol=0.01, rtol=0)
    mean = likelihood(torch.zeros(1, 2)).mean[0]
    torch.testing.assert_close(mean.double(), x.double().mean(0), atol=0.03, rtol=0)

    binary = BernoulliLikelihood(nn.Linear(2, 3), 3)
    binary.start_from_data((x > 0).long())
    torch.testing.assert_close(binary.marginal.sigmoid(), (x > 0).float().mean(0), atol=0.01, rtol=0)
    assert binary.marginal.isfinite().all(), "a pixel that is always 0 must stay possible as 1"

    gaussian = GaussianLikelihood(nn.Linear(2, 3), 3)
    gaussian.start_from_data(torch.tensor([[0.0, 0, 0], [2, 2, 2]]))
    assert gaussian.log_std.item() == pytest.approx(0)


def test_what_x_cannot_be_is_refused_in_the_callers_name():
    grey, white = torch.full((4, 3), 2), torch.ones(4, 3)
    binary, gaussian = DISCRETE["black and white"](), GaussianLikelihood(nn.Linear(2, 3), 3)
    laws.refuses(lambda: binary.check(grey, "Somebody"), "Somebody", "0..1")
    laws.refuses(lambda: binary.check(white, "Somebody"), "Somebody")  # floats may be grey
    laws.refuses(lambda: DISCRETE["two powers"]().check(grey + 1, "Somebody"), "0..2")
    laws.refuses(lambda: gaussian.check(grey, "Somebody"), "floating")
    laws.refuses(lambda: gaussian.check(white[:, :2], "Somebody"), "(B, 3)")


def test_bad_sizes_are_refused():
    net = nn.Linear(2, 3)
    laws.refuses(lambda: CategoricalLikelihood(net, 0, levels=3), "dim")
    laws.refuses(lambda: CategoricalLikelihood(net, 3, levels=0), "levels")
    laws.refuses(lambda: CategoricalLikelihood(net, 3, levels=3, powers=0), "powers")
    laws.refuses(lambda: BernoulliLikelihood(net, -1), "dim")
    laws.refuses(lambda: GaussianLikelihood(net, 3, std=0.0), "std")


def test_a_fixed_sigma_is_not_trained():
    likelihood = GaussianLikelihood(nn.Linear(2, 3), 3, std=0.5, learn_std=False)
    likelihood.start_from_data(torch.randn(50, 3) * 9)
    assert likelihood.log_std.exp().item() == pytest.approx(0.5)
    assert "log_std" in likelihood.state_dict() and "log_std" not in dict(likelihood.named_parameters())
    likelihood(torch.randn(4, 2)).log_prob(torch.randn(4, 3)).sum().backward()
    assert likelihood.log_std.grad is None and likelihood.net.weight.grad is not None
