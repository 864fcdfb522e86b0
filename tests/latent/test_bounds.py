"""Bounds from importance weights, on a linear Gaussian model whose value and posterior are known."""

import pytest
import torch

from dgm_lite.latent import bounds
from dgm_lite.latent.ppca import PPCA
from dgm_lite.latent.vae import by_quadrature, categorical_vae, linear_vae


@pytest.fixture
def model():
    torch.manual_seed(3)
    model = linear_vae(dim=3, latent_dim=1, std=0.7).double()
    with torch.no_grad():  # a q that misses: too narrow, and beside its place
        model.posterior.net.weight.zero_()
        model.posterior.net.bias.copy_(torch.tensor([0.3, -0.6]))
    return model


@pytest.fixture
def exact(model):
    """The same model as probabilistic PCA."""
    ppca = PPCA(3, 1).double()
    with torch.no_grad():
        ppca.weight.copy_(model.likelihood.net.weight)
        ppca.mu.copy_(model.likelihood.net.bias)
        ppca.log_std.copy_(model.likelihood.log_std)
    return ppca


@pytest.fixture
def x(exact):
    return exact.sample(4, generator=torch.Generator().manual_seed(0))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def given(model, x):
    """log p(x | z) at its highest: N(x; x, sigma^2)."""
    return -x.shape[1] * (model.likelihood.log_std + 0.5 * torch.log(torch.tensor(2 * torch.pi)))


def test_mean_of_the_weights_is_the_likelihood(model, exact, x):
    for share in (0.25, 0.5):
        log_w = bounds.log_weights(model, x, 40_000, share=share, generator=seeded(), at_once=40_000)
        w = (log_w - exact.log_prob(x)[:, None]).exp()
        assert ((w.mean(1) - 1).abs() < 5 * w.std(1) / 200).all()


def test_draws_from_the_prior_bound_the_weights(model, x):
    log_w = bounds.log_weights(model, x, 1000, share=0.1, generator=seeded())
    assert (log_w <= given(model, x) - torch.log(torch.tensor(0.1)) + 1e-9).all()


def test_weights_do_not_depend_on_how_many_rows_are_decoded_at_once(model, x):
    whole = bounds.log_weights(model, x[:1], 10, share=0.5, generator=seeded(), at_once=10)
    assert torch.equal(whole, bounds.log_weights(model, x[:1], 10, share=0.5, generator=seeded(), at_once=3))
    assert bounds.log_weights(model, x, 10, generator=seeded(), at_once=3).shape == (4, 10)


def test_with_the_true_posterior_every_bound_is_the_value(model, exact, x):
    mean, covariance = exact.posterior(x)
    with torch.no_grad():
        model.posterior.net.weight.copy_(torch.cat([exact.posterior(torch.eye(3).double() + exact.mu)[0].T,
                                                    torch.zeros(1, 3)]))  # fmt: skip
        model.posterior.net.bias[0] = -(model.posterior.net.weight[0] @ exact.mu)
        model.posterior.net.bias[1] = 0.5 * covariance.log().item()
    log_w = bounds.log_weights(model, x, 5, generator=seeded())
    value = exact.log_prob(x)
    for bound in (bounds.iwae(log_w), bounds.cubo(log_w), bounds.upper_end(log_w),
                  bounds.with_true_cause(log_w, bounds.log_weight_of(model, x, mean))):  # fmt: skip
        torch.testing.assert_close(bound, value)


def test_value_lies_between_the_bounds(model, exact, x):
    many = x[:1].expand(4000, -1)
    mean, covariance = exact.posterior(many)
    causes = mean + covariance.sqrt() * torch.randn(4000, 1, dtype=torch.double, generator=seeded(1))
    true = bounds.log_weight_of(model, many, causes)
    value, below, above = exact.log_prob(x[:1]).item(), [], []
    for k in (1, 3, 10):
        log_w = bounds.log_weights(model, many, k, generator=seeded(k))
        below.append(bounds.iwae(log_w).mean().item())
        above.append(bounds.with_true_cause(log_w, true).mean().item())
    assert below[0] < below[1] < below[2] < value < above[2] < above[1] < above[0]


def test_chi_square_bound_is_above_with_many_draws_and_the_elbo_with_one(model, exact, x):
    one = bounds.log_weights(model, x, 1, generator=seeded())
    torch.testing.assert_close(bounds.cubo(one), one[:, 0])
    many = bounds.log_weights(model, x, 40_000, share=0.5, generator=seeded(), at_once=40_000)
    assert (bounds.cubo(many) > exact.log_prob(x)).all()
    assert (bounds.cubo(many) >= bounds.iwae(many)).all()  # on the same draws always, whatever they are


def test_chi_square_bound_by_quadrature(model, x):
    """1/2 log of the integral of p(x, z)^2 / r(z), with r half q and half the prior."""
    log_p, z, log_posterior = by_quadrature(model, x, reach=12, n=4001)
    q = model.posterior.distribution(x[:1])
    log_r = torch.logaddexp(q.log_prob(z), model.prior.log_prob(z)) - torch.log(torch.tensor(2.0))
    step = (z[1] - z[0]).log()
    right = 0.5 * ((2 * (log_posterior + log_p[:, None]) - log_r).logsumexp(1) + step)
    log_w = bounds.log_weights(model, x, 40_000, share=0.5, generator=seeded(), at_once=40_000)
    torch.testing.assert_close(bounds.cubo(log_w), right, atol=0.05, rtol=0)


def test_upper_end_is_the_mean_and_two_errors():
    w = torch.tensor([[1.0, 2.0, 6.0]])
    expected = (3.0 + 1.96 * w.std() / 3**0.5).log()
    torch.testing.assert_close(
        bounds.upper_end(w.log() - 900), (expected - 900)[None]
    )  # and nothing underflows
    with pytest.raises(ValueError, match="two draws or more"):
        bounds.upper_end(torch.zeros(4, 1))


@pytest.mark.parametrize("share", [-0.1, 1.0, 1 / 3])
def test_shares_that_cannot_be_are_refused(model, x, share):
    with pytest.raises(ValueError, match="expected a share"):
        bounds.log_weights(model, x, 10, share=share)


def test_no_draws_are_refused(model, x):
    with pytest.raises(ValueError, match="whole number"):
        bounds.log_weights(model, x, 0)


def test_dropout_is_asleep():
    model = categorical_vae(4, 3, latent_dim=2, hidden=16, dropout=0.5).train()
    rows = torch.randint(3, (3, 4), generator=seeded())
    first, second = (bounds.log_weights(model, rows, 4, generator=seeded(1)) for _ in range(2))
    assert torch.equal(first, second) and model.training
    z = torch.randn(3, 2, generator=seeded())
    assert torch.equal(bounds.log_weight_of(model, rows, z), bounds.log_weight_of(model, rows, z))


def test_every_group_has_its_share_of_draws_from_the_prior(model, x):
    """q is far away here, so that a draw's weight tells where it came from."""
    with torch.no_grad():
        model.posterior.net.bias.copy_(torch.tensor([50.0, -3.0]))
    log_w = bounds.log_weights(model, x, 20, share=0.5, generator=seeded())
    from_prior = bounds.in_groups(log_w, 2) > -1000
    assert from_prior.shape == (40, 2) and (from_prior.sum(1) == 1).all()


def test_groups():
    log_w = torch.arange(10.0).view(2, 5)
    assert bounds.in_groups(log_w, 2).tolist() == [[0, 1], [2, 3], [5, 6], [7, 8]]
    for k in (0, 6):
        with pytest.raises(ValueError, match="expected k"):
            bounds.in_groups(log_w, k)
