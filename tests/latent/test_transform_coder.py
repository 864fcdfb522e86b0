"""The transform coder: a VAE whose bound is rate plus distortion, and whose start is principal components."""

import copy
import math

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.datasets.images import real_digits
from dgm_lite.latent.likelihoods import GaussianLikelihood
from dgm_lite.latent.transform_coder import Bent, LogisticCells, TransformCoder, UnitUniform, principal_axes
from dgm_lite.latent.vae import VAE, by_quadrature
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from tests.quadrature import ByQuadrature


def small(seed: int = 0, **changes) -> TransformCoder:
    torch.manual_seed(seed)
    entry = catalog.model("transform-coder")
    return laws.prepare(entry.build(**{**entry.small, **changes}), seed)


def test_the_bound_is_rate_plus_distortion_plus_a_constant():
    """-ELBO = -log p(z) + |x - g(z)|^2 / (2 sigma^2) + D log(sigma sqrt(2 pi)), draw for draw."""
    model = small(dim=5, latent_dim=3, std=0.7)
    x = torch.randn(6, 5, dtype=torch.float64)
    z, log_q = model.posterior(x, generator=torch.Generator().manual_seed(1))
    assert (log_q == 0).all()
    rate = -model.prior.log_prob(z)
    distortion = (x - model.likelihood(z).mean).square().sum(1)
    constant = 5 * math.log(0.7 * math.sqrt(2 * math.pi))
    elbo = model.elbo(x, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(-elbo, rate + distortion / (2 * 0.7**2) + constant, rtol=1e-7, atol=1e-7)


def test_two_ways_to_integrate_over_z_agree():
    """The laws' quadrature for whole planes is that for single objects."""
    model = small()
    x = torch.randn(7, 2, dtype=torch.float64)
    expected = by_quadrature(model, x, reach=50.0, n=10_001)[0].detach()
    torch.testing.assert_close(ByQuadrature(model).log_prob(x), expected, rtol=1e-6, atol=1e-6)


# --- the bound --------------------------------------------------------------------------------


class HalfACell(UnitUniform):
    """Planted: the noise fills half of the cell, and log q is still said to be 0."""

    def forward(self, x, *, generator=None):
        f = self.centre(x)
        u = torch.rand(f.shape, generator=generator, dtype=f.dtype) - 0.5
        return f + 0.5 * u, f.new_zeros(len(f))


def sharp(posterior: type[UnitUniform]) -> VAE:
    """g(z) = (4z, 4z) and its best f: given x, z is known to within a tenth of a cell."""
    encoder, decoder = nn.Linear(2, 1).double(), nn.Linear(1, 2).double()
    with torch.no_grad():
        for layer, weight in ((encoder, 1 / 8), (decoder, 4.0)):
            layer.weight.fill_(weight)
            layer.bias.zero_()
    likelihood = GaussianLikelihood(decoder, 2, std=1.0, learn_std=False).double()
    return VAE(posterior(encoder), likelihood, LogisticCells(1, 1).double())


def test_noise_that_fills_half_the_cell_is_caught():
    """It says too much about z without paying for it, and the bound comes to lie above log p(x)."""
    x = torch.tensor([[0.3, -0.2], [4.0, 4.5]], dtype=torch.float64)
    right, wrong = sharp(UnitUniform), sharp(HalfACell)
    exact = ByQuadrature(right).log_prob(x).detach()
    laws.bound_is_below(right, x, exact)
    with pytest.raises(AssertionError, match="above log p"):
        laws.bound_is_below(wrong, x, exact)


# --- the start --------------------------------------------------------------------------------


def test_a_bent_map_is_its_line_and_its_network_of_what_was_brought_to_the_size_of_one():
    bent = laws.prepare(Bent(3, 2, hidden=8, n_layers=1, dropout=0.0))
    weight, bias = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    center, spread = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([0.1, 4.0, 9.0]).double()
    bent.start(weight, bias, center, spread, torch.tensor(7.0))
    x = torch.randn(5, 3, dtype=torch.float64)
    expected = x @ weight.T + bias + 7 * bent.net((x - center) / spread)
    torch.testing.assert_close(bent(x), expected)


def test_it_starts_as_principal_components():
    """f and g are the projection onto the leading components, in steps of sigma sqrt(12)."""
    x, std = real_digits().train, 2.5
    model = TransformCoder(64, 10, levels=17, std=std).start_from_data(x).eval()
    known = PCA(10).fit(x.double().numpy())
    with torch.no_grad():
        z = model.posterior.centre(x)
        back = model.likelihood(z).mean
    expected = torch.from_numpy(known.inverse_transform(known.transform(x.double().numpy())))
    torch.testing.assert_close(back.double(), expected, atol=1e-3, rtol=0)
    steps = z.double().std(0) * std * math.sqrt(12)
    expected = torch.from_numpy(known.explained_variance_**0.5)
    torch.testing.assert_close(steps, expected, rtol=1e-3, atol=0)


def test_its_networks_start_with_the_sizes_of_what_they_read():
    """f reads x, with the middle and range of the data; g reads z, with the variance of rounding added."""
    x, std = real_digits().train.double(), 2.5
    model = TransformCoder(64, 10, levels=17, std=std).double().start_from_data(x)
    f, g = model.posterior.net, model.likelihood.net
    variances = torch.from_numpy(PCA(10).fit(x.numpy()).explained_variance_) * (len(x) - 1) / len(x)
    steps = variances / (12 * std**2)
    torch.testing.assert_close(g.spread, (steps + 1 / 12).sqrt())
    assert not g.center.any() and g.reach == x.max() - x.min()
    torch.testing.assert_close(f.center, x.mean(0))
    assert (f.spread == (x.max() - x.min()) / 2).all() and f.reach == 1


def test_it_starts_anew_without_dropout():
    """A coder that was trained before has a network with a say in where codes lie."""
    torch.manual_seed(0)
    model = laws.prepare(TransformCoder(6, 3, levels=9, std=1.0, hidden=8, dropout=0.5))
    x = 3 * torch.randn(100, 6, dtype=torch.float64)
    expected = copy.deepcopy(model).start_from_data(x).state_dict()
    for name, value in model.train().start_from_data(x).state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_the_axes_are_those_of_the_covariance():
    torch.manual_seed(0)
    x = torch.randn(400, 5, dtype=torch.float64) @ torch.randn(5, 5, dtype=torch.float64)
    mean, values, axes = principal_axes(x)
    torch.testing.assert_close(mean, x.mean(0))
    torch.testing.assert_close(axes @ values.diag() @ axes.T, x.T.cov(correction=0))
    assert (values.diff() <= 0).all() and values.shape == (5,)
    assert principal_axes(x[:, :1])[2].abs().item() == 1, "one dimension has one axis"


def test_the_start_is_finite_for_data_that_do_not_vary():
    model = TransformCoder(3, 2, levels=5, std=0.5).start_from_data(torch.full((4, 3), 2.0))
    assert model.elbo(torch.full((4, 3), 2.0)).isfinite().all()


# --- training ---------------------------------------------------------------------------------


def test_rounding_costs_what_the_noise_said_it_would():
    """On digits: the rate and the error of rounded z are those of z with noise, to a few percent."""
    data = real_digits()
    model = TransformCoder(64, 12, levels=17, std=2.0).start_from_data(data.train).eval()
    with torch.no_grad():
        f = model.posterior.centre(data.valid)
        measured = []
        for z in (f.round(), model.posterior(data.valid, generator=torch.Generator().manual_seed(0))[0]):
            error = (data.valid - model.likelihood(z).mean).square().mean().item()
            measured.append((-model.prior.log_prob(z).mean().item(), error))
    (rate, error), (noisy_rate, noisy_error) = measured
    assert rate == pytest.approx(noisy_rate, rel=0.03) and error == pytest.approx(noisy_error, rel=0.03)


def test_training_goes_beyond_principal_components_and_leaves_sigma_alone():
    data = real_digits()
    torch.manual_seed(0)
    model = TransformCoder(64, 12, levels=17, std=2.5).start_from_data(data.train).eval()
    with torch.no_grad():
        before = -model.elbo(data.valid, generator=torch.Generator().manual_seed(0)).mean().item()
    fit(model, data, TrainConfig(epochs=25, lr=4e-3, batch_size=200, average=0.99), bar=False)
    with torch.no_grad():
        after = -model.elbo(data.valid, generator=torch.Generator().manual_seed(0)).mean().item()
    assert after < before - 2
    assert model.likelihood.log_std.exp().item() == pytest.approx(2.5)


def test_draws_look_like_data():
    model = TransformCoder(64, 12, levels=17, std=2.0).start_from_data(real_digits().train)
    x = model.sample(500, generator=torch.Generator().manual_seed(0))
    assert x.shape == (500, 64) and x.is_floating_point()
    torch.testing.assert_close(x.mean(0), real_digits().train.mean(0), atol=0.9, rtol=0)


def test_bad_sizes_are_refused_by_name():
    good = {"dim": 4, "latent_dim": 2, "levels": 3, "std": 1.0}
    for what, value, words in (
        ("latent_dim", 5, "up to dim = 4"),
        ("levels", 0, "levels"),
        ("std", 0.0, "std"),
        ("std", -1.0, "std"),
        ("std", math.nan, "std"),
        ("n_components", 0, "n_components"),
    ):
        laws.refuses(lambda: TransformCoder(**{**good, what: value}), words)  # noqa: B023
