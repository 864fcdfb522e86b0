"""Errors that public code of VAEs makes, planted one by one: each must break a law."""

import math

import pytest
import torch
import torch.nn.functional as F

from dgm_lite import laws
from dgm_lite.distributions import DiagonalNormal, StandardNormal
from dgm_lite.latent.likelihoods import Bernoulli, BernoulliLikelihood
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.latent.posteriors import DiagonalGaussian, ScaleLevels
from dgm_lite.latent.priors import NormalMixture
from dgm_lite.latent.vae import VAE, categorical_vae
from dgm_lite.nets import mlp
from tests.quadrature import ByQuadrature, with_broad_posterior


def honest() -> VAE:
    torch.manual_seed(0)
    model = laws.prepare(categorical_vae(4, 3, latent_dim=1, hidden=8), scale=0.4)
    return with_broad_posterior(model)


def broken(kind) -> VAE:
    """The same weights in a VAE with an error."""
    model = honest()
    model.__class__ = kind
    return model


def catches(law, good, bad, *more, match: str | None = None) -> None:
    """The law holds for the honest model and fails for the broken one."""
    law(good, *more)
    with pytest.raises(AssertionError, match=match):
        law(bad, *more)


@pytest.fixture
def known():
    """Examples and their exact log p(x)."""
    model = honest()
    x = laws.examples(model, 8)
    return x, ByQuadrature(model).log_prob(x).detach()


def test_reconstruction_averaged_over_pixels(known):
    """The mean over pixels next to a summed KL: the KL counts D times too much (an accidental beta)."""

    class Averaged(VAE):
        def elbo(self, x, *, generator=None):
            log_px, log_pz, log_q = self.elbo_terms(x, generator=generator)
            return log_px / self.dim + log_pz - log_q

    catches(laws.bound_is_below, honest(), broken(Averaged), *known, match="above log p")
    catches(laws.weights_average_to_the_likelihood, honest(), broken(Averaged), *known)


def test_kl_averaged_over_latent_units():
    """The mean over latent units: the KL counts M times too little, and the "bound" is none."""

    class Averaged(VAE):
        def elbo(self, x, *, generator=None):
            log_px, log_pz, log_q = self.elbo_terms(x, generator=generator)
            return log_px + (log_pz - log_q) / self.prior.dim

    torch.manual_seed(0)
    model = with_broad_posterior(laws.prepare(categorical_vae(3, 3, latent_dim=2, hidden=8), scale=0.4))
    with torch.no_grad():  # a posterior away from the prior, as trained ones are
        [m for m in model.posterior.modules() if isinstance(m, torch.nn.Linear)][-1].bias[:2] = 2.0
    x = laws.examples(model, 8)
    exact = ByQuadrature(model).log_prob(x).detach()
    laws.bound_is_below(model, x, exact)
    model.__class__ = Averaged
    with pytest.raises(AssertionError):
        laws.weights_average_to_the_likelihood(model, x, exact)


def test_binary_cross_entropy_on_grey_values():
    """A Bernoulli formula fed with x / (L - 1): a number, but the masses of all images don't sum to one."""

    class Grey(BernoulliLikelihood):
        levels = 3

        def check(self, x, owner):
            return x

        def forward(self, z):
            logits = super().forward(z).logits

            class Soft(Bernoulli):
                def log_prob(self, x):
                    target = x.to(logits.dtype) / 2
                    return -F.binary_cross_entropy_with_logits(self.logits, target, reduction="none").sum(1)

            return Soft(logits)

    def build(kind):
        torch.manual_seed(0)
        encoder = torch.nn.Sequential(ScaleLevels(3), mlp(4, 8, 2))
        return laws.prepare(VAE(DiagonalGaussian(encoder), kind(mlp(1, 8, 4), 4), StandardNormal(1)))

    catches(laws.sums_to_one, ByQuadrature(build(BernoulliLikelihood)), ByQuadrature(build(Grey)))
    # And the honest likelihood refuses such values at all.
    for grey in (torch.full((2, 4), 2), torch.full((2, 4), 0.5)):
        laws.refuses(lambda: build(BernoulliLikelihood).elbo(grey), "0..1")  # noqa: B023


def test_importance_weights_without_k(known):
    """The sum of k weights for their mean: log k nats too good."""

    class Summed(VAE):
        def importance_weighted(self, x, n_samples, *, generator=None):
            honest_bound = super().importance_weighted(x, n_samples, generator=generator)
            return honest_bound + math.log(n_samples)

    catches(laws.more_draws_close_the_gap, honest(), broken(Summed), *known, match="above log p")


def test_mean_of_the_bounds_for_the_bound_of_the_mean(known):
    """The log inside the mean: k draws of the ELBO, averaged, and called IWAE."""

    class Jensen(VAE):
        def importance_weighted(self, x, n_samples, *, generator=None):
            rows = x.repeat_interleave(n_samples, dim=0)
            return self.elbo(rows, generator=generator).view(len(x), -1).mean(1)

    catches(laws.more_draws_close_the_gap, honest(), broken(Jensen), *known, match="close")


def test_variance_used_as_standard_deviation_in_the_posterior(known):
    """z = mu + sigma^2 eps, scored as if sigma had been used."""

    class Wide(DiagonalGaussian):
        def forward(self, x, *, generator=None):
            q = self.distribution(x)
            z = DiagonalNormal(q.mu, 2 * q.log_std).sample(generator=generator)
            return z, q.log_prob(z)

    bad = honest()
    bad.posterior.__class__ = Wide
    catches(laws.weights_average_to_the_likelihood, honest(), bad, *known)


def test_log_variance_used_as_log_std_in_the_density(known):
    """log N with log sigma^2 where log sigma belongs: the draws are right, their density is not."""

    class Wrong(DiagonalGaussian):
        def forward(self, x, *, generator=None):
            q = self.distribution(x)
            z = q.sample(generator=generator)
            return z, DiagonalNormal(q.mu, 0.5 * q.log_std).log_prob(z)

    bad = honest()
    bad.posterior.__class__ = Wrong
    catches(laws.weights_average_to_the_likelihood, honest(), bad, *known)


def test_variance_used_as_standard_deviation_in_the_mixture_prior():
    class Wide(NormalMixture):
        def sample(self, n, *, generator=None):
            k = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=generator)
            return DiagonalNormal(self.mu[k], 2 * self.log_std[k]).sample(generator=generator).detach()

    def build(kind):
        torch.manual_seed(0)
        return laws.prepare(kind(2, 3), scale=0.3)

    catches(laws.sampler_matches_density, build(NormalMixture), build(Wide))


def test_log_sum_exp_per_dimension_in_the_mixture_prior():
    """A product of one-dimensional mixtures: K^M components where K were meant."""

    class Product(NormalMixture):
        def log_prob(self, z):
            eps = (z[:, None] - self.mu) * torch.exp(-self.log_std)
            log_normal = -(0.5 * eps**2 + self.log_std + 0.5 * math.log(2 * math.pi))
            return (self.logits.log_softmax(0)[:, None] + log_normal).logsumexp(1).sum(1)

    def build(kind):
        torch.manual_seed(0)
        prior = laws.prepare(kind(2, 3), scale=0.3)
        with torch.no_grad():
            prior.mu.mul_(2)
        return prior

    catches(laws.sampler_matches_density, build(NormalMixture), build(Product))


def test_sampler_with_another_prior_than_the_bound():
    """Trained with a mixture, sampled from the standard normal."""

    class Standard(VAE):
        def sample(self, n, *, generator=None):
            z = torch.randn(n, self.prior.dim, generator=generator, dtype=torch.float64)
            return self.likelihood(z).sample(generator=generator)

    def build(kind):
        torch.manual_seed(0)
        model = laws.prepare(categorical_vae(4, 3, latent_dim=1, hidden=8, n_components=2), scale=0.5)
        model.__class__ = kind
        with torch.no_grad():
            model.prior.mu.copy_(torch.tensor([[2.0], [3.0]]))
        return ByQuadrature(model)

    catches(laws.sampler_matches_density, build(VAE), build(Standard))


def test_draw_without_reparametrisation():
    """z.detach(): the encoder learns only through log q, and its mean not at all."""

    class Detached(DiagonalGaussian):
        def forward(self, x, *, generator=None):
            z, _ = super().forward(x, generator=generator)
            return z.detach(), self.distribution(x).log_prob(z.detach()).detach()

    bad = honest()
    bad.posterior.__class__ = Detached
    catches(laws.every_entry_gets_a_gradient, honest(), bad, (laws.examples(honest()),))


def shares_the_space(model: GaussianMixture) -> None:
    """K components start with the K-th part of the data's volume each: as boxes they would just fill it."""
    x = torch.randn(400, 3) * torch.tensor([1.0, 5.0, 0.2])
    model.start_from_data(x)
    share = (model.log_std.sum(1) - x.std(0, correction=0).log().sum()).exp()
    expected = torch.full_like(share, 1 / len(model.mu))
    assert torch.allclose(share, expected), f"a component takes {share[0]:.3g} of the space"


def test_a_mixture_that_starts_too_wide():
    """Every component as wide as the data: they overlap, get the same gradients and stay alike for long."""

    class TooWide(GaussianMixture):
        def start_from_data(self, x, **options):
            super().start_from_data(x, **options)
            with torch.no_grad():
                self.log_std.copy_(x.std(0, correction=0).log())
            return self

    catches(shares_the_space, GaussianMixture(3, 8), TooWide(3, 8), match="of the space")


def test_a_vae_whose_start_does_nothing():
    class Idle(VAE):
        def start_from_data(self, x):
            return self

    def model() -> VAE:
        torch.manual_seed(0)
        return categorical_vae(4, 3, latent_dim=1, hidden=8)

    idle, x = model(), torch.randint(2, (200, 4))
    idle.__class__ = Idle
    law = laws.starting_from_data_helps
    catches(law, model().start_from_data, idle.start_from_data, x, match="leaves the loss")
