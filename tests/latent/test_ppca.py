"""Probabilistic PCA against the full Gaussian, its closed form, and conditional Gaussians."""

import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from dgm_lite.latent.ppca import PPCA


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = PPCA(dim=7, latent_dim=3).double()
    with torch.no_grad():
        model.mu.normal_()
        model.log_std.fill_(-0.4)
    return model


def full(model: PPCA) -> MultivariateNormal:
    noise = model.variance * torch.eye(model.dim, dtype=torch.float64)
    return MultivariateNormal(model.mu, model.weight @ model.weight.T + noise)


def data(n: int = 500) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(7, 7, generator=generator, dtype=torch.float64)
    return torch.randn(n, 7, generator=generator, dtype=torch.float64) @ mixing + 2


def test_log_prob_is_that_of_the_full_gaussian(model):
    x = data(20)
    torch.testing.assert_close(model.log_prob(x), full(model).log_prob(x), rtol=1e-10, atol=1e-10)


def test_elbo_with_the_exact_posterior_is_log_p_for_every_z(model):
    x = data(5)
    mean, covariance = model.posterior(x)
    posterior = MultivariateNormal(mean, covariance)
    z = posterior.sample((4,))
    noise = model.variance * torch.eye(7, dtype=torch.float64)
    log_px_given_z = MultivariateNormal(z @ model.weight.T + model.mu, noise).log_prob(x)
    log_pz = MultivariateNormal(
        torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    ).log_prob(z)
    elbo = log_px_given_z + log_pz - posterior.log_prob(z)
    torch.testing.assert_close(elbo, model.log_prob(x).expand(4, 5), rtol=1e-9, atol=1e-9)


def test_noise_is_the_mean_of_the_discarded_eigenvalues():
    x = data()
    model = PPCA(7, 3).double().fit_closed_form(x)
    values = torch.linalg.eigvalsh(x.T.cov(correction=0))
    torch.testing.assert_close(model.variance, values[:4].mean())


def test_closed_form_em_and_gradient_agree():
    x = data()
    best = PPCA(7, 3).double().fit_closed_form(x).log_prob(x).mean().item()
    torch.manual_seed(2)
    by_em = PPCA(7, 3).double()
    course = list(by_em.em_steps(x, 400))
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(course)), (
        "EM let the likelihood fall"
    )
    assert course[-1] == pytest.approx(best, abs=1e-6)
    by_gradient = PPCA(7, 3).double()
    optimiser = torch.optim.LBFGS(by_gradient.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = by_gradient.loss(x)
        loss.backward()
        return loss

    optimiser.step(closure)
    assert -by_gradient.loss(x).item() == pytest.approx(best, abs=1e-4)
    assert all(-by.loss(x).item() <= best + 1e-9 for by in (by_em, by_gradient)), (
        "nothing beats maximum likelihood"
    )


def test_completion_is_the_conditional_gaussian(model):
    x, known = data(6), torch.tensor([1, 1, 0, 1, 0, 0, 1], dtype=torch.bool)
    mean, std = model.complete(x, known)
    c = full(model).covariance_matrix
    gain = c[~known][:, known] @ torch.linalg.inv(c[known][:, known])
    wanted = model.mu[~known] + (x - model.mu)[:, known] @ gain.T
    left = c[~known][:, ~known] - gain @ c[known][:, ~known]
    torch.testing.assert_close(mean[:, ~known], wanted)
    torch.testing.assert_close(std[:, ~known], left.diagonal().sqrt().expand(6, 3))
    assert torch.equal(mean[:, known], x[:, known]) and not std[:, known].any()


def test_completion_ignores_what_stands_in_missing_places(model):
    x, known = data(3), torch.tensor([1, 1, 0, 1, 0, 0, 1], dtype=torch.bool)
    garbage = torch.where(known, x, torch.nan)
    torch.testing.assert_close(model.complete(x, known)[0], model.complete(garbage, known)[0])


def test_samples_have_the_models_mean_and_covariance(model):
    x = model.sample(200_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(x.mean(0), model.mu.detach(), atol=0.02, rtol=0)
    torch.testing.assert_close(x.T.cov(), full(model).covariance_matrix.detach(), atol=0.08, rtol=0.03)


@pytest.mark.parametrize("latent_dim", [0, 7, 9])
def test_latent_dimension_must_lie_between_1_and_dim(latent_dim):
    with pytest.raises(ValueError, match="PPCA: expected"):
        PPCA(7, latent_dim)


def test_bad_input_is_refused(model):
    with pytest.raises(ValueError, match=r"expected shape \(B, 7\), got \(2, 6\)"):
        model.log_prob(torch.zeros(2, 6, dtype=torch.float64))
    with pytest.raises(ValueError, match="finite"):
        model.log_prob(torch.full((2, 7), math.nan, dtype=torch.float64))
    with pytest.raises(ValueError, match="vary in more"):
        PPCA(7, 3).fit_closed_form(torch.ones(20, 7))
