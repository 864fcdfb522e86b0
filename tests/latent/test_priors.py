"""Priors are densities: they integrate to one and draw from themselves."""

import math

import pytest
import torch
from torch import distributions as td

from dgm_lite import laws
from dgm_lite.distributions import StandardNormal
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.latent.priors import NormalMixture
from dgm_lite.latent.transform_coder import LogisticCells
from dgm_lite.protocols import Density, Sampler

PRIORS = {
    "standard": lambda: StandardNormal(2).double(),
    "mixture": lambda: laws.prepare(NormalMixture(2, 3), scale=0.3),
    "full mixture": lambda: laws.prepare(GaussianMixture(2, 3), scale=0.3),
    "cells": lambda: laws.prepare(LogisticCells(2, 3), scale=0.3),
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


def test_cells_are_a_density_of_real_numbers_and_a_probability_of_integers():
    """One formula, two sums that are one: over the integers, and over a fine grid that has none of them."""
    prior = laws.prepare(LogisticCells(3, 4), scale=0.5)
    at_integers = prior.table(-150, 150).exp()
    assert at_integers.shape == (3, 301)
    torch.testing.assert_close(at_integers.sum(1), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-12)
    z = torch.tensor([[-2.0, 0.0, 5.0]], dtype=torch.float64)
    expected = prior.table(-2, 5)[torch.arange(3), torch.tensor([0, 2, 7])].sum()
    torch.testing.assert_close(prior.log_prob(z)[0], expected)
    between = torch.arange(-150, 150, 0.1, dtype=torch.float64)[:, None] + 0.05
    density = prior.cells.log_prob_terms(between.expand(-1, 3)).exp()
    torch.testing.assert_close(density.sum(0) * 0.1, torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-6)


class RoundedDraws(LogisticCells):
    """Planted: noise around rounded draws has steps for a density, which log_prob does not have."""

    def sample(self, n, *, generator=None):
        v = self.cells.sample(n, generator=generator).to(self.cells.mu.dtype)
        return v + torch.rand(v.shape, generator=generator, dtype=v.dtype) - 0.5


def test_noise_around_rounded_draws_is_caught():
    prior = RoundedDraws(2, 1).double()
    with torch.no_grad():
        prior.cells.mu.fill_(0.5)
        prior.cells.log_std.fill_(-2.0)
    laws.sums_to_one(prior)
    with pytest.raises(AssertionError, match="draws do not follow"):
        laws.sampler_matches_density(prior)


def test_cells_start_where_the_data_lie():
    """Each dimension on its own scale: from the start no code is much longer than it has to be."""
    torch.manual_seed(0)
    z = torch.randn(2000, 2) * torch.tensor([20.0, 0.1]) + torch.tensor([50.0, -3.0])
    prior = LogisticCells(2, 3).start_from_data(z)
    entropy = math.log(20) + 0.5 * math.log(2 * math.pi * math.e)
    assert -prior.log_prob(z.round()).mean() < entropy + 1.0
    laws.refuses(lambda: LogisticCells(2, 3).start_from_data(z.long()), "LogisticCells")


@pytest.mark.parametrize("prior", [StandardNormal(2), NormalMixture(2, 3), LogisticCells(2, 3)])
def test_bad_input_is_refused(prior):
    owner = type(prior).__name__
    for bad in (torch.zeros(3, 1), torch.zeros(3, 2).long()):
        laws.refuses(lambda: prior.log_prob(bad), owner)  # noqa: B023
    for n in (0, -1, 2.5):
        laws.refuses(lambda: prior.sample(n), owner)  # noqa: B023
    assert prior.log_prob(torch.full((3, 2), torch.nan)).isnan().all(), "for the loss to see, and not to hide"
    for make in (
        lambda: StandardNormal(0), lambda: NormalMixture(2, 0), lambda: NormalMixture(0, 2),
        lambda: LogisticCells(0, 3), lambda: LogisticCells(2, 0),
    ):  # fmt: skip
        laws.refuses(make)
