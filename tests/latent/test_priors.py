"""Priors are densities: they integrate to one and draw from themselves."""

import pytest
import torch
from torch import distributions as td

from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.latent.priors import NormalMixture, StandardNormal
from dgm_lite.protocols import Density, Sampler
from tests import laws

PRIORS = {
    "standard": lambda: StandardNormal(2).double(),
    "mixture": lambda: laws.prepare(NormalMixture(2, 3), scale=0.3),
    "full mixture": lambda: laws.prepare(GaussianMixture(2, 3), scale=0.3),
}


@pytest.mark.parametrize("name", PRIORS)
def test_prior_is_a_density_that_draws_from_itself(name):
    torch.manual_seed(0)
    prior = PRIORS[name]()
    assert isinstance(prior, Density) and isinstance(prior, Sampler) and prior.dim == 2
    laws.sums_to_one(prior)
    laws.sampler_matches_density(prior)
    laws.value_ignores_the_batch(prior, laws.examples(prior))
    laws.draws_are_repeatable(prior)


def test_standard_normal_is_torchs_in_any_dimension():
    z = torch.randn(6, 9, dtype=torch.float64)
    expected = td.Normal(torch.zeros(9, dtype=torch.float64), 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(StandardNormal(9).double().log_prob(z), expected)


def test_mixture_is_torchs():
    prior = laws.prepare(NormalMixture(3, 4))
    z = torch.randn(6, 3, dtype=torch.float64)
    components = td.Independent(td.Normal(prior.mu, prior.log_std.exp()), 1)
    expected = td.MixtureSameFamily(td.Categorical(logits=prior.logits), components).log_prob(z)
    torch.testing.assert_close(prior.log_prob(z), expected)


@pytest.mark.parametrize("prior", [StandardNormal(2), NormalMixture(2, 3)])
def test_bad_input_is_refused(prior):
    owner = type(prior).__name__
    for bad in (torch.zeros(3, 1), torch.zeros(3, 2).long(), torch.full((3, 2), torch.nan)):
        laws.refuses(lambda: prior.log_prob(bad), owner)  # noqa: B023
    for n in (0, -1, 2.5):
        laws.refuses(lambda: prior.sample(n), owner)  # noqa: B023
    for make in (lambda: StandardNormal(0), lambda: NormalMixture(2, 0), lambda: NormalMixture(0, 2)):
        laws.refuses(make)
