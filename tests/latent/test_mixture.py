"""Mixtures against torch.distributions and hand-made cases. The general laws are applied in test_laws.py."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, MultivariateNormal

from dgm_lite import laws
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import two_moons
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


def gaussians(dim: int = 3, n_components: int = 4) -> GaussianMixture:
    torch.manual_seed(0)
    return laws.prepare(GaussianMixture(dim, n_components))


def bernoullis(dim: int = 5, n_components: int = 3) -> BernoulliMixture:
    torch.manual_seed(0)
    return laws.prepare(BernoulliMixture(dim, n_components))


def as_torch(model: GaussianMixture) -> MixtureSameFamily:
    precision = model.whitening() @ model.whitening().mT
    return MixtureSameFamily(
        Categorical(logits=model.logits), MultivariateNormal(model.mu, precision_matrix=precision)
    )


@pytest.mark.parametrize("dim, n_components", [(1, 1), (1, 3), (2, 4), (5, 2)])
def test_gaussian_mixture_equals_torchs(dim, n_components):
    model = gaussians(dim, n_components)
    x = laws.examples(model, 20)
    torch.testing.assert_close(model.log_prob(x), as_torch(model).log_prob(x), rtol=1e-9, atol=1e-9)


def test_covariance_of_its_draws():
    """Mean and covariance of many draws are those of the mixture, in three dimensions."""
    model = gaussians()
    x = model.sample(200_000, generator=torch.Generator().manual_seed(1))
    exact = as_torch(model)
    error = exact.variance.sqrt() / math.sqrt(len(x))
    assert ((x.mean(0) - exact.mean).abs() < 5 * error).all()
    pi, mu = model.logits.softmax(0), model.mu
    inside = torch.linalg.inv(model.whitening() @ model.whitening().mT)
    spread = inside + mu[:, :, None] * mu[:, None]
    covariance = (pi[:, None, None] * spread).sum(0) - torch.outer(exact.mean, exact.mean)
    scale = covariance.diagonal().sqrt()
    assert ((x.T.cov() - covariance).abs() / torch.outer(scale, scale)).max() < 0.05


def test_one_component_by_hand():
    """log N(x; 1, 2^2) at x = 3: one standard deviation away."""
    model = GaussianMixture(1, 1).double()
    with torch.no_grad():
        model.mu.fill_(1.0)
        model.log_std.fill_(math.log(2))
    expected = -0.5 - math.log(2) - 0.5 * math.log(2 * math.pi)
    assert model.log_prob(torch.tensor([[3.0]], dtype=torch.float64)).item() == pytest.approx(
        expected, abs=1e-12
    )


def test_far_away_points_have_finite_log_density():
    """The log-sum-exp does not underflow where every component's density is zero in float32."""
    model = GaussianMixture(2, 5)
    value = model.log_prob(torch.full((1, 2), 1e4))
    assert value.isfinite().all() and value < -1e6


def test_starting_points_are_data_and_differ():
    x = two_moons(50).train
    model = GaussianMixture(2, 30).start_from_data(x, generator=torch.Generator().manual_seed(0))
    assert len(model.mu.unique(dim=0)) == 30, "two components started at the same point would never part"
    assert all((x == mu).all(1).any() for mu in model.mu)


def test_a_start_survives_one_point_and_constant_columns():
    one = GaussianMixture(2, 3).start_from_data(torch.tensor([[1.0, 2.0]]))
    flat = GaussianMixture(2, 3).start_from_data(torch.tensor([[1.0, 2.0], [2.0, 2.0], [5.0, 2.0]]))
    for model in (one, flat):
        assert model.log_prob(torch.tensor([[1.0, 2.0]])).isfinite().all()


def test_training_finds_two_clusters():
    """From a start with one mean in each (from another start the fit may stay in a poor local optimum)."""
    torch.manual_seed(0)
    x = torch.cat([torch.randn(200, 2) * 0.3 - 2, torch.randn(200, 2) * 0.3 + 2])[torch.randperm(400)]
    data = Dataset("two clusters", x[:300], x[300:350], x[350:])
    start = torch.stack([data.train[data.train[:, 0] < 0][0], data.train[data.train[:, 0] > 0][0]])
    model = GaussianMixture(2, 2).start_from_data(start, spread=data.train.std(0))
    fit(model, data, TrainConfig(epochs=150, lr=0.1, batch_size=100))
    truth = GaussianMixture(2, 2).requires_grad_(False)
    truth.mu.copy_(torch.tensor([[-2.0, -2.0], [2.0, 2.0]]))
    truth.log_std.fill_(math.log(0.3))
    best = truth.log_prob(data.test).mean().item()
    assert model.log_prob(data.test).mean().item() == pytest.approx(best, abs=0.15)
    assert sorted(model.mu[:, 0].sign().tolist()) == [-1, 1]


@pytest.mark.parametrize("dim, n_components", [(1, 1), (5, 3), (8, 2)])
def test_bernoulli_mixture_equals_torchs(dim, n_components):
    model = bernoullis(dim, n_components)
    exact = MixtureSameFamily(
        Categorical(logits=model.logits), Independent(Bernoulli(logits=model.theta_logits), 1)
    )
    x = laws.domain(dim, 2)
    torch.testing.assert_close(model.log_prob(x), exact.log_prob(x.double()), rtol=1e-9, atol=1e-9)


def test_certain_pixels_have_finite_logits():
    """theta_logits of 60 in float32: log(1 - theta) is -60, not -inf."""
    model = BernoulliMixture(1, 1)
    torch.nn.init.constant_(model.theta_logits, 60.0)
    assert model.log_prob(torch.tensor([[0]])).item() == pytest.approx(-60, rel=1e-6)
    assert model.log_prob(torch.tensor([[1]])).item() == pytest.approx(0, abs=1e-6)
