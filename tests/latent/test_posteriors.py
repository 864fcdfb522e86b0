"""The diagonal Gaussian posterior and the count of active units."""

import pytest
import torch
from scipy import stats
from torch import nn

from dgm_lite.latent.posteriors import DiagonalGaussian, ScaleLevels, active_units
from dgm_lite.latent.transform_coder import UnitUniform
from dgm_lite.nets import mlp


def test_draws_have_the_density_that_is_reported():
    """E_q[f] by draws equals E_q[f] by quadrature with exp(log_q): the sampler is the density."""
    posterior = DiagonalGaussian(mlp(3, 8, 2)).double()
    x = torch.randn(1, 3, dtype=torch.float64)
    z, log_q = posterior(x.expand(50_000, 3))
    assert z.shape == (50_000, 1) and log_q.shape == (50_000,)
    grid = torch.linspace(-20, 20, 8001, dtype=torch.float64)[:, None]
    density = posterior.distribution(x.expand(8001, 3)).log_prob(grid).exp()
    step = 40 / 8000
    assert density.sum().item() * step == pytest.approx(1, abs=1e-9)
    mean = (density * grid[:, 0]).sum() * step
    variance = (density * (grid[:, 0] - mean) ** 2).sum() * step
    assert z.mean().item() == pytest.approx(mean.item(), abs=0.03)
    assert z.var().item() == pytest.approx(variance.item(), rel=0.03)
    entropy = -(density * density.log().clamp_min(-1e3)).sum() * step
    assert -log_q.mean().item() == pytest.approx(entropy.item(), abs=0.03)


def test_uniform_draws_fill_the_cube_around_f():
    """Side one in each dimension, independently, and so the density in it is one and log q is 0."""
    posterior = UnitUniform(mlp(3, 8, 2)).double()
    x = torch.randn(1, 3, dtype=torch.float64).expand(20_000, 3)
    generator = torch.Generator().manual_seed(0)
    z, log_q = posterior(x, generator=generator)
    assert z.shape == (20_000, 2) and torch.equal(log_q, torch.zeros(20_000, dtype=torch.float64))
    u = (z - posterior.centre(x)).detach()
    for d in range(2):
        assert stats.kstest(u[:, d], stats.uniform(-0.5, 1).cdf).pvalue > 1e-3
    assert abs(torch.corrcoef(u.T)[0, 1]) < 0.03
    assert torch.equal(posterior(x, generator=torch.Generator().manual_seed(0))[0], z)


def test_uniform_draws_pass_the_gradient_to_f_alone():
    posterior = UnitUniform(nn.Linear(3, 2))
    x = torch.randn(5, 3)
    posterior(x)[0].sum().backward()
    torch.testing.assert_close(posterior.net.weight.grad, x.sum(0).expand(2, 3))
    assert active_units(posterior, torch.randn(500, 3)).tolist() == [True, True]


def test_gradients_pass_through_the_draw():
    posterior = DiagonalGaussian(nn.Linear(3, 4))
    x = torch.randn(5, 3, requires_grad=True)
    posterior(x)[0].sum().backward()
    assert x.grad.abs().sum() > 0 and posterior.net.weight.grad.abs().min() > 0


def test_levels_are_scaled_to_plus_minus_one():
    scaled = ScaleLevels(17)(torch.tensor([[0, 8, 16]]))
    torch.testing.assert_close(scaled, torch.tensor([[-1.0, 0.0, 1.0]]))
    assert ScaleLevels(2).double()(torch.tensor([[0, 1]])).dtype == torch.float64
    with pytest.raises(ValueError, match="ScaleLevels: expected levels"):
        ScaleLevels(0)


class WithoutDistribution(nn.Module):
    """A posterior that only draws, as a flow posterior does: unit 0 follows x, unit 1 does not."""

    def forward(self, x):
        z = torch.stack([x[:, 0], torch.zeros(len(x))], dim=1) + 0.5 * torch.randn(len(x), 2)
        return z, torch.zeros(len(x))


def test_active_units_are_those_that_follow_the_data():
    x = torch.randn(2000, 3)
    net = nn.Linear(3, 4, bias=False)
    with torch.no_grad():
        net.weight.zero_()
        net.weight[0, 0] = 1.0  # mu_0 = x_0; mu_1 = 0
        net.weight[3, 1] = 1.0  # a sigma that varies makes no active unit
    assert active_units(DiagonalGaussian(net), x).tolist() == [True, False]
    assert active_units(WithoutDistribution(), x, n_samples=200).tolist() == [True, False]
