"""Probabilistic PCA against the full Gaussian, its closed form, and conditional Gaussians."""

import copy
import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from dgm_lite import laws
from dgm_lite.datasets.images import dequantised_digits
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


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_along_its_directions_the_closed_form_has_the_datas_variance_in_any_unit(unit):
    x = unit * data()
    values = torch.linalg.eigvalsh(x.T.cov(correction=0)).flip(0)
    model = PPCA(7, 3).double().fit_closed_form(x)
    torch.testing.assert_close(torch.linalg.eigvalsh(full(model).covariance_matrix).flip(0)[:3], values[:3])


def test_one_step_of_em_is_that_of_tipping_and_bishop(model):
    """Equations 27 and 28 of appendix B: W S-weighted, and sigma^2 with the new W."""
    x = data()
    s = x.T.cov(correction=0)
    w, noise = model.weight.detach().clone(), model.variance.detach() * torch.eye(3)
    inverse = torch.linalg.inv(w.T @ w + noise)
    weight = s @ w @ torch.linalg.inv(noise + inverse @ w.T @ s @ w)
    variance = (s - s @ w @ inverse @ weight.T).trace() / 7
    list(model.em_steps(x, 1))
    torch.testing.assert_close(model.weight.detach(), weight)
    torch.testing.assert_close(model.variance.detach(), variance)


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


def narrow(std: float, dim: int = 2, latent_dim: int = 1) -> PPCA:
    """A float32 model whose noise is far smaller than what its causes move."""
    torch.manual_seed(0)
    model = PPCA(dim, latent_dim)
    with torch.no_grad():
        model.log_std.fill_(math.log(std))
        model.mu.fill_(3.0)
    return model


@pytest.mark.parametrize("std", [1.0, 0.1, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize(("dim", "latent_dim"), [(2, 1), (64, 15), (64, 60)])
def test_float32_says_what_float64_says(dim, latent_dim, std):
    """W^T W and differences of squares would lose 496 nats at sigma = 1e-3 in the plane."""
    model = narrow(std, dim, latent_dim)
    x, known = model.sample(50), torch.arange(dim) < dim // 2
    exact, same = copy.deepcopy(model).double(), x.double()
    # A step of float32 in x is this many sigma, and each number may be some steps off.
    rounding = 4 * torch.finfo(torch.float32).eps / std
    nats = (model.log_prob(x) - exact.log_prob(same)).abs().max()
    assert nats < 1e-4 + 10 * dim * rounding, f"{nats:.2g} nats"
    assert (model.posterior(x)[0] - exact.posterior(same)[0]).abs().max() < 1e-4 + 10 * rounding
    torch.testing.assert_close(model.posterior(x)[1].double(), exact.posterior(same)[1], rtol=1e-2, atol=1e-6)
    for said, right in zip(model.complete(x, known), exact.complete(same, known), strict=True):
        assert (said - right).abs().max() < 1e-4 + 10 * rounding
    model.loss(x).backward()
    exact.loss(same).backward()
    for weight, right in zip(model.parameters(), exact.parameters(), strict=True):
        assert (weight.grad - right.grad).norm() < (1e-4 + 10 * rounding) * right.grad.norm()


@pytest.mark.parametrize("latent_dim", [2, 15, 60])
def test_float32_says_what_float64_says_of_digits(latent_dim):
    x = dequantised_digits().train
    model = PPCA(64, latent_dim).fit_closed_form(x)
    off = (model.log_prob(x) - copy.deepcopy(model).double().log_prob(x.double())).abs()
    assert off.max() < 1e-3


@pytest.mark.parametrize("std", [0.1, 1e-3, 1e-5])
def test_expectation_maximisation_never_falls_in_float32(std):
    x = narrow(std).sample(500)
    torch.manual_seed(1)
    course = list(PPCA(2, 1).em_steps(x, 100))
    assert all(after >= before - 1e-5 for before, after in itertools.pairwise(course))
    assert course[-1] > course[0] + 1


def test_expectation_maximisation_of_digits_never_falls_in_float32():
    x = dequantised_digits().train / 17
    course = list(PPCA(64, 60).em_steps(x, 30))
    assert all(after >= before - 1e-4 for before, after in itertools.pairwise(course))


def test_data_without_noise_are_refused_by_name():
    """Their likelihood has no highest value: sigma would shrink until only rounding is left of it."""
    flat = torch.randn(200, 1) @ torch.tensor([[1.6, 0.9, -0.3]]) + 1
    laws.refuses(lambda: PPCA(3, 1).fit_closed_form(flat), "latent_dim = 1", "sigma^2")
    laws.refuses(lambda: list(PPCA(3, 1).em_steps(flat, 500)), "latent_dim = 1", "sigma^2")


@pytest.mark.parametrize("mask", [
    torch.tensor([1.0, 0, 1, 0, 1, 0, 1]), torch.tensor([0, 2, 4]), torch.ones(6, dtype=torch.bool),
    [True] * 7,
], ids=["floats", "places", "length", "list"])  # fmt: skip
def test_a_mask_holds_one_boolean_per_number(model, mask):
    laws.refuses(lambda: model.complete(data(3), mask), "PPCA.complete")


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
