"""The VAE against exact answers: quadrature, probabilistic PCA, torch.distributions."""

import copy

import pytest
import torch
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.datasets.images import digits
from dgm_lite.distributions import StandardNormal
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.likelihoods import CategoricalLikelihood
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.latent.posteriors import DiagonalGaussian, ScaleLevels, active_units
from dgm_lite.latent.ppca import PPCA
from dgm_lite.latent.vae import VAE, bernoulli_vae, by_quadrature, categorical_vae, linear_vae
from dgm_lite.nets import mlp
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.training.step import DivergedError, training_steps
from tests.quadrature import ByQuadrature, with_broad_posterior


def small(**changes) -> VAE:
    torch.manual_seed(0)
    return laws.prepare(categorical_vae(**{"dim": 4, "levels": 3, "latent_dim": 1, "hidden": 8} | changes))


MODELS = {
    "standard prior": lambda: small(),
    "free logits": lambda: small(powers=None),
    "mixture prior": lambda: small(n_components=3),
    "two latent numbers": lambda: small(dim=3, latent_dim=2),
    "black and white": lambda: laws.prepare(bernoulli_vae(5, 1, hidden=8)),
    "full-covariance mixture as prior": lambda: laws.prepare(
        VAE(small(latent_dim=2).posterior, small(latent_dim=2).likelihood, GaussianMixture(2, 2)), scale=0.2
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_combination_keeps_the_laws(name):
    """Sums to one, draws from itself, bounds below the exact value and closer with more draws."""
    torch.manual_seed(1)
    model = MODELS[name]()
    exact = ByQuadrature(model, reach=16.0)
    laws.sums_to_one(exact)
    laws.sampler_matches_density(exact)
    x = laws.examples(model, 8)
    log_px = exact.log_prob(x).detach()
    laws.bound_is_below(model, x, log_px)
    if "mixture" not in name:  # a posterior as broad as the standard normal need not cover other priors
        laws.weights_average_to_the_likelihood(with_broad_posterior(model), x, log_px)
    laws.every_entry_gets_a_gradient(model, (x,), unused="upper")
    laws.all_weights_are_registered(model)
    laws.draws_are_repeatable(model)
    laws.bad_input_is_refused(model, x)


# --- against probabilistic PCA ---------------------------------------------------------------


def as_ppca(model: VAE) -> PPCA:
    """The same model of x, whose likelihood has a closed form."""
    exact = PPCA(model.dim, model.prior.dim).to(model.likelihood.log_std.dtype)
    with torch.no_grad():
        exact.weight.copy_(model.likelihood.net.weight)
        exact.mu.copy_(model.likelihood.net.bias)
        exact.log_std.copy_(model.likelihood.log_std)
    return exact


def with_exact_posterior(dim: int = 5, latent_dim: int = 2) -> VAE:
    """A linear VAE whose encoder is pPCA's posterior: W has orthogonal columns, so that it is diagonal."""
    torch.manual_seed(0)
    model = linear_vae(dim, latent_dim).double()
    w, _ = torch.linalg.qr(torch.randn(dim, latent_dim, dtype=torch.float64))
    with torch.no_grad():
        model.likelihood.net.weight.copy_(w * torch.tensor([1.5, 0.7]))
        model.likelihood.log_std.fill_(-0.4)
        exact = as_ppca(model)
        mean_of_zero, covariance = exact.posterior(torch.zeros(1, dim, dtype=torch.float64))
        columns = exact.posterior(torch.eye(dim, dtype=torch.float64))[0] - mean_of_zero
        net = model.posterior.net
        net.weight.zero_()
        net.weight[:latent_dim] = columns.T
        net.bias[:latent_dim] = mean_of_zero[0]
        net.bias[latent_dim:] = 0.5 * covariance.diagonal().log()
    return model


def test_with_the_exact_posterior_every_single_draw_is_exact():
    """ELBO = log p(x) whatever z was drawn: the gap is KL(q || p(z|x)), which is 0."""
    model, x = with_exact_posterior(), torch.randn(6, 5, dtype=torch.float64)
    exact = as_ppca(model).log_prob(x)
    for _ in range(3):
        torch.testing.assert_close(model.elbo(x), exact)
    torch.testing.assert_close(model.importance_weighted(x, 10), exact)
    torch.testing.assert_close(by_quadrature(model, x)[0], exact, atol=1e-6, rtol=0)


def test_elbo_is_below_iwae_is_below_exact_on_a_linear_gaussian_model():
    torch.manual_seed(3)
    model, x = laws.prepare(linear_vae(5, 2), scale=0.1), torch.randn(6, 5, dtype=torch.float64)
    exact = as_ppca(model).log_prob(x).detach()
    model = with_broad_posterior(model)
    laws.bound_is_below(model, x, exact)
    laws.more_draws_close_the_gap(model, x, exact)
    many = model.importance_weighted(x, 100_000).detach()
    torch.testing.assert_close(many, exact, atol=0.1, rtol=0)


def test_a_linear_vae_learns_probabilistic_pca():
    """Trained only through its bound, it reaches the maximum likelihood of the closed form."""
    torch.manual_seed(0)
    x = (torch.randn(500, 2) * torch.tensor([2.0, 1.0])) @ torch.randn(2, 6) + 0.5 * torch.randn(500, 6) + 1.0
    best = PPCA(6, 2).fit_closed_form(x).log_prob(x).mean().item()
    model = linear_vae(6, 2)
    for _ in training_steps(model, [(x,)], TrainConfig(epochs=3000, lr=0.03)):
        pass
    reached = as_ppca(model).log_prob(x).mean().item()
    assert best - 0.02 < reached <= best + 1e-4
    with torch.no_grad():
        bound = model.elbo(x.repeat(20, 1)).mean().item()
    assert reached - 0.05 < bound <= reached + 0.01


# --- parts -----------------------------------------------------------------------------------


def test_terms_add_up_to_the_bound():
    model = small()
    x = laws.examples(model)
    log_px, log_pz, log_q = model.elbo_terms(x, generator=torch.Generator().manual_seed(4))
    elbo = model.elbo(x, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(elbo, log_px + log_pz - log_q)
    assert log_px.shape == log_pz.shape == log_q.shape == elbo.shape == (len(x),)


def test_kl_in_closed_form():
    """The mean of log q - log p(z) is KL(q || N(0, I)) = sum (sigma^2 + mu^2 - 1 - log sigma^2) / 2."""
    model = small(latent_dim=2)
    x = laws.examples(model, 4)
    q = model.posterior.distribution(x)
    expected = 0.5 * ((2 * q.log_std).exp() + q.mu**2 - 1 - 2 * q.log_std).sum(1)
    with torch.no_grad():
        _, log_pz, log_q = model.elbo_terms(x.repeat_interleave(50_000, dim=0))
    sampled = (log_q - log_pz).view(4, -1)
    torch.testing.assert_close(sampled.mean(1), expected.detach(), rtol=0.02, atol=0.02)


def test_loss_is_the_mean_of_the_negative_bound():
    model, x = small(), laws.examples(small())
    torch.manual_seed(5)
    loss = model.loss(x)
    torch.manual_seed(5)
    torch.testing.assert_close(loss, -model.elbo(x).mean())


def test_beta_weighs_the_loss_and_nothing_else():
    x, generator = laws.examples(small()), torch.Generator().manual_seed(9)
    log_px, log_pz, log_q = small().elbo_terms(x, generator=generator)
    weighted = small(beta=4.0)
    torch.testing.assert_close(
        weighted.elbo(x, generator=torch.Generator().manual_seed(9)), log_px + log_pz - log_q
    )
    torch.manual_seed(9)
    expected = -(log_px + 4 * (log_pz - log_q)).mean()
    torch.testing.assert_close(weighted.loss(x), expected)
    for bad in (-1.0, float("inf"), float("nan")):
        laws.refuses(lambda: small(beta=bad), "beta")  # noqa: B023


def test_importance_weighting_with_one_draw_is_the_elbo():
    model, x = small(), laws.examples(small())
    one = model.importance_weighted(x, 1, generator=torch.Generator().manual_seed(6))
    torch.testing.assert_close(one, model.elbo(x, generator=torch.Generator().manual_seed(6)))
    for n in (0, -1, 2.5):
        laws.refuses(lambda: model.importance_weighted(x, n), "n_samples")  # noqa: B023
    laws.refuses(lambda: model.importance_weighted(x.float(), 3), "VAE")


def test_evaluate_measures_the_tighter_bound():
    model, x = small().train(), laws.examples(small(), 30)
    tight = likelihood.importance_weighted(model, x, n_samples=200, batch_size=7)
    exact = ByQuadrature(model).log_prob(x).mean().item()
    assert tight.kind == "lower bound" and tight.dim == 4
    assert likelihood.bits_per_dim(model, x).nats < tight.nats < exact + 0.05
    assert model.training, "the model came back in another mode"
    laws.refuses(
        lambda: likelihood.importance_weighted(PPCA(3, 1), torch.zeros(2, 3)), "PPCA", "bits_per_dim"
    )
    laws.refuses(lambda: likelihood.importance_weighted(model, x[:0]), "at least one")


def test_importance_weighting_needs_no_memory_for_k():
    """No call sees more than 20,000 rows, however many draws are asked for."""
    model, x, rows = small(), laws.examples(small(), 3), []
    model.posterior.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    with torch.no_grad():
        model.importance_weighted(x, 50_000)
    assert sum(rows) == 150_000 and max(rows) <= 20_000


def test_reconstruction_is_the_mean_given_a_draw():
    model, x = small(), laws.examples(small())
    z, _ = model.posterior(x, generator=torch.Generator().manual_seed(0))
    shown = model.reconstruct(x, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(shown, model.likelihood(z).mean.detach())
    assert not shown.requires_grad and (shown >= 0).all() and (shown <= 2).all()


@pytest.mark.parametrize("n_components", [None, 3])
def test_training_that_diverges_stops_with_its_own_advice(n_components):
    """The first infinity is in z, and the prior is the first to meet it."""
    torch.manual_seed(0)
    model, data = categorical_vae(64, 17, latent_dim=2, hidden=16, n_components=n_components), digits()
    with pytest.raises(DivergedError, match="smaller learning rate"):
        fit(model, data, TrainConfig(epochs=3, lr=1e4, clip_norm=None, warmup=0.0), bar=False)


def test_parts_are_what_the_object_is_made_of():
    """Prescribed: every distribution can be read from the object."""
    model = small()
    assert isinstance(model.prior, StandardNormal)
    assert isinstance(model.likelihood, CategoricalLikelihood)
    assert isinstance(model.posterior, DiagonalGaussian)
    assert (model.dim, model.levels) == (4, 3)


class Jump(nn.Module):
    """A posterior that is no Gaussian and has no ``distribution``: z = tanh of a Gaussian draw."""

    def __init__(self):
        super().__init__()
        self.base = DiagonalGaussian(nn.Sequential(ScaleLevels(3), mlp(4, 8, 2)))

    def forward(self, x, *, generator=None):
        u, log_q = self.base(x, generator=generator)
        return 3 * torch.tanh(u), log_q - (3 * (1 - torch.tanh(u) ** 2)).log().sum(1)


def test_any_posterior_that_draws_can_take_the_place():
    torch.manual_seed(0)
    model = laws.prepare(VAE(Jump(), small().likelihood, StandardNormal(1)), scale=0.2)
    x = laws.examples(model, 6)
    laws.bound_is_below(model, x, ByQuadrature(model).log_prob(x).detach())
    assert model.reconstruct(x).shape == (6, 4)
    assert active_units(model.posterior, x).shape == (1,)


def test_prior_has_to_be_a_density_that_can_be_sampled():
    laws.refuses(lambda: VAE(small().posterior, small().likelihood, nn.Linear(1, 1)), "VAE", "Linear")
    for has in ("log_prob", "sample"):
        half = type("Half", (nn.Module,), {has: getattr(StandardNormal, has)})()
        laws.refuses(lambda: VAE(small().posterior, small().likelihood, half), "VAE", "Half")  # noqa: B023


def test_bad_sizes_are_refused_by_name():
    for make, owner in (
        (lambda: categorical_vae(0, 3), "categorical_vae"),
        (lambda: bernoulli_vae(3, 0), "bernoulli_vae"),
        (lambda: linear_vae(3, 1.5), "linear_vae"),
    ):
        laws.refuses(make, owner)


# --- quadrature ------------------------------------------------------------------------------


def test_quadrature_gives_the_true_posterior_too():
    model = small()
    x = laws.examples(model, 3)
    log_p, z, log_posterior = by_quadrature(model, x)
    step = (z[1] - z[0]).item()
    torch.testing.assert_close((log_posterior.exp() * step).sum(1), torch.ones(3, dtype=torch.float64))
    joint = model.likelihood(z).log_prob(x[:1].expand(len(z), -1)) + model.prior.log_prob(z)
    torch.testing.assert_close(log_posterior[0] + log_p[0], joint.detach())
    torch.testing.assert_close(by_quadrature(model, x, n=8001, reach=10.0)[0], log_p, atol=1e-9, rtol=0)


def far_apart(dim: int = 1) -> VAE:
    """A VAE whose prior has its two halves at -9 and 12, outside of the usual grid."""
    torch.manual_seed(0)
    model = categorical_vae(4, 3, latent_dim=dim, hidden=8, n_components=2).double()
    with torch.no_grad():
        model.prior.mu.copy_(torch.tensor([[-9.0], [12.0]]).expand(2, dim))
    return model


@pytest.mark.parametrize("dim", [1, 2])
def test_the_grid_follows_the_prior(dim):
    """From -8 to 8 there is 0.08 of p(z), and all x would have got 0.08 together."""
    model = far_apart(dim)
    log_p, _, _ = by_quadrature(model, laws.domain(4, 3))
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_a_grid_that_misses_something_is_refused():
    model, x = far_apart(), laws.domain(4, 3)
    laws.refuses(lambda: by_quadrature(model, x, reach=8.0), "0.080", "reach")
    laws.refuses(lambda: by_quadrature(model, x, n=11), "larger reach", "n (now 11)")
    sharp = linear_vae(3, 1, std=1e-4).double()
    laws.refuses(lambda: by_quadrature(sharp, sharp.sample(3), n=201), "p(z | x) in one cell")


def test_measures_of_a_trained_model_use_no_dropout():
    torch.manual_seed(0)
    model = categorical_vae(4, 3, latent_dim=1, hidden=8, dropout=0.5).double().train()
    x = laws.domain(4, 3)
    expected = by_quadrature(copy.deepcopy(model).eval(), x)[0]
    assert torch.equal(by_quadrature(model, x)[0], expected)
    with torch.no_grad():
        spread = model.eval().posterior.distribution(x).mean.var(0)
    assert active_units(model.train().posterior, x, threshold=spread.item() * 0.9999).all()
    assert not active_units(model.posterior, x, threshold=spread.item() * 1.0001).any()
    assert all(part.training for part in model.modules())


def test_quadrature_is_for_small_latent_spaces():
    laws.refuses(lambda: by_quadrature(small(latent_dim=3), torch.zeros(2, 4).long()), "1 or 2", "3")


# --- on digits -------------------------------------------------------------------------------


def test_learns_digits_and_is_measured_as_a_bound():
    """Twenty epochs: far below the histogram of each pixel, which costs 106.4 nats on the test split."""
    data, entry = digits(), catalog.model("vae")
    torch.manual_seed(0)
    model = entry.build().start_from_data(data.train)
    with torch.no_grad():
        before = -model.elbo(data.valid).mean().item()
    fit(model, data, TrainConfig(epochs=20, lr=4e-3, batch_size=100, average=0.99), bar=False)
    measured = likelihood.bits_per_dim(model, data.valid)
    assert measured.kind == "lower bound" and str(measured).startswith("at most")
    assert before > 108 and -measured.nats < 103
    assert active_units(model.posterior, data.valid).sum() >= 4
    x = model.sample(50)
    assert x.shape == (50, 64) and x.dtype == torch.long and x.min() >= 0 and x.max() <= 16
