"""Likelihoods against closed forms: their unit, their kind, their seed, and what they are measured on."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets.images import dequantised_digits, digits
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from tests.evaluate.conftest import draws, needs_gpu


class Coins(nn.Module):
    """D fair coins: exactly one bit per dimension."""

    def log_prob(self, x):
        return torch.full((len(x),), -x.shape[1] * math.log(2), dtype=torch.float64)


def test_fair_coins_cost_one_bit_each():
    found = likelihood.bits_per_dim(Coins(), torch.randint(2, (30, 8)))
    assert found.bits_per_dim == pytest.approx(1, abs=1e-12)
    assert found.nats == pytest.approx(-8 * math.log(2)) and found.error == pytest.approx(0, abs=1e-9)
    assert (found.dim, found.kind) == (8, "exact")


def test_mean_and_standard_error():
    model = laws.prepare(GaussianMixture(2, 3))
    x = draws(40, 2)
    nats = model.log_prob(x).detach().numpy()
    found = likelihood.bits_per_dim(model, x, batch_size=7)
    assert found.nats == pytest.approx(nats.mean()) and found.error == pytest.approx(stats.sem(nats))
    assert math.isnan(likelihood.bits_per_dim(model, x[:1]).error)


def test_a_figure_is_said_without_nan_and_without_minus_zero():
    one = likelihood.bits_per_dim(Coins(), torch.randint(2, (1, 8)))
    assert str(one) == "1.000 bits/dim (exact; 5.5 nats)"
    for density in (False, True):
        for nats in (0.0, -0.0, 1e-9, -1e-9):
            for error in (0.1, math.nan):
                told = str(likelihood.Likelihood(nats, error, 8, "exact", density))
                assert "nan" not in told and "-0.0" not in told, told
                assert ("+-" in told) == (error == 0.1)


def test_dimensions_of_an_image_are_all_its_numbers():
    assert likelihood.bits_per_dim(Coins(), torch.randint(2, (3, 4, 5))).dim == 20


def test_a_bound_is_called_a_bound():
    class Bounded(nn.Module):
        def elbo(self, x):
            return Coins().log_prob(x) - 1.0

    found = likelihood.bits_per_dim(Bounded(), torch.randint(2, (3, 4)))
    assert found.kind == "lower bound" and str(found).startswith("at most ")
    assert "lower bound" in str(found) and "bits/dim" in str(found) and "nats" in str(found)


def test_draws_of_a_bound_are_averaged_for_each_example():
    """The mean settles, and its error is that of the examples alone: draws are no new examples."""

    class Noisy(nn.Module):
        def elbo(self, x):
            return x[:, 0] + 3 * torch.randn(len(x), dtype=x.dtype)

    torch.manual_seed(0)
    x = draws(200, 4)
    once, often = (likelihood.bits_per_dim(Noisy(), x, n_draws=n) for n in (1, 400))
    assert often.nats == pytest.approx(x[:, 0].mean().item(), abs=0.05) and often.kind == "lower bound"
    assert often.error == pytest.approx(stats.sem(x[:, 0].numpy()), rel=0.05) and once.error > 2 * often.error
    calls = []
    exact = Coins()
    exact.log_prob = lambda part: (calls.append(1), Coins().log_prob(part))[1]
    likelihood.bits_per_dim(exact, torch.randint(2, (30, 8)), n_draws=400)
    assert len(calls) == 1
    laws.refuses(lambda: likelihood.bits_per_dim(Noisy(), x, n_draws=0), "n_draws")


def test_batches_do_not_matter():
    model = laws.prepare(BernoulliMixture(5, 3))
    x = laws.domain(5, 2)
    for size in (1, 7, 1000):
        torch.testing.assert_close(likelihood.log_prob(model, x, batch_size=size), model.log_prob(x).detach())


def test_no_gradients_are_kept():
    assert not likelihood.log_prob(laws.prepare(GaussianMixture(2, 2)), draws(3, 2)).requires_grad


def test_what_has_no_likelihood_is_refused_with_advice():
    laws.refuses(lambda: likelihood.bits_per_dim(nn.Linear(2, 2), draws(3, 2)), "Linear", "two_sample")
    for nothing in (draws(0, 2), None, [[1.0]]):
        laws.refuses(lambda: likelihood.log_prob(GaussianMixture(2, 2), nothing), "example")  # noqa: B023


# --- what kind of number it is ----------------------------------------------------------------


class Noisy(nn.Module):
    """A bound, and importance weights, whose noise comes from torch's own generator."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def elbo(self, x):
        return -x[:, 0].double() - torch.rand(len(x), device=x.device)

    def importance_weighted(self, x, n_samples):
        return -x[:, 0].double() - torch.rand(len(x), n_samples, device=x.device).mean(1)


def test_bits_per_dim_are_for_data_with_levels():
    """Real numbers have a density: its figure is in nats, says so, and refuses to become bits."""
    for model, sign in ((laws.prepare(GaussianMixture(2, 3)), "="), (Noisy(), ">=")):
        found = likelihood.bits_per_dim(model, draws(30, 2))
        assert found.density and f"log p(x) {sign} {found.nats:.3f} +- " in str(found)
        assert "density" in str(found) and "bits" not in str(found)
        laws.refuses(lambda: found.bits_per_dim, "density", "nats")  # noqa: B023
    assert not likelihood.bits_per_dim(Noisy(), torch.randint(2, (3, 4))).density


def test_dequantised_digits_are_real_numbers_to_a_flow():
    model, data = catalog.model("realnvp").build(dim=64), dequantised_digits()
    said = str(likelihood.bits_per_dim(model, data.valid))
    assert "bits/dim" not in said and "(exact; a density)" in said
    bound = catalog.model("realnvp-digits").build()
    assert "bits/dim (lower bound;" in str(likelihood.bits_per_dim(bound, digits().valid))


def test_an_importance_weighted_bound_carries_its_k():
    found = likelihood.importance_weighted(Noisy(), torch.randint(2, (3, 4)), n_samples=7)
    assert (found.kind, found.k) == ("lower bound", 7) and "(lower bound, k = 7;" in str(found)
    real = likelihood.importance_weighted(Noisy(), draws(3, 4), n_samples=7)
    assert "(lower bound, k = 7; a density)" in str(real)
    assert likelihood.bits_per_dim(Noisy(), torch.randint(2, (3, 4))).k is None


# --- repeated, with columns, in place ---------------------------------------------------------

MEASURES = {
    "log_prob": lambda model, x, **seed: likelihood.log_prob(model, x, **seed).sum().item(),
    "bits_per_dim": lambda model, x, **seed: likelihood.bits_per_dim(model, x, n_draws=3, **seed).nats,
    "importance_weighted": lambda model, x, **seed: (
        likelihood.importance_weighted(model, x, n_samples=5, **seed).nats
    ),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_seed_repeats_a_figure_and_leaves_the_generators_alone(measure):
    x = draws(20, 2)
    before = torch.get_rng_state()
    one, same, other = (measure(Noisy(), x, seed=seed) for seed in (3, 3, 4))
    assert one == same != other and torch.equal(torch.get_rng_state(), before)
    assert measure(Noisy(), x) != measure(Noisy(), x), "without a seed the generator of torch moves on"
    assert not torch.equal(torch.get_rng_state(), before)


def test_draws_of_one_seed_are_not_the_same_draw():
    x = torch.zeros(1, 1, dtype=torch.float64)
    many = likelihood.bits_per_dim(Noisy(), x, n_draws=50, seed=0).nats
    assert many == pytest.approx(-0.5, abs=0.15) and many != likelihood.bits_per_dim(Noisy(), x, seed=0).nats


@pytest.mark.parametrize("batch_size", [1, 4, 500])
def test_what_the_model_takes_beside_x_is_passed_on_batch_by_batch(batch_size):
    data = digits().labelled()
    torch.manual_seed(0)
    model = CausalARM(64, 17, channels=4, dilations=(1,), n_classes=10).eval()
    x, y = (column[:10] for column in data.split("test"))
    with torch.no_grad():
        expected = model.log_prob(x, y)
    torch.testing.assert_close(likelihood.log_prob(model, x, y, batch_size=batch_size), expected)
    found = likelihood.bits_per_dim(model, x, y, batch_size=batch_size)
    assert found.nats == pytest.approx(expected.double().mean().item(), rel=1e-6) and found.kind == "exact"
    laws.refuses(lambda: likelihood.log_prob(model, x, y[:9]), "10 rows", "got 9")
    laws.refuses(lambda: likelihood.log_prob(model, x, 500), "tensors", "int")
    laws.refuses(lambda: likelihood.log_prob(model, x, y, batch_size=0), "batch_size", "0")


def test_importance_weights_take_columns_too():
    class Conditional(Noisy):
        def importance_weighted(self, x, y, n_samples):
            return super().importance_weighted(x, n_samples) - 100 * y

    x, y = draws(9, 2), torch.arange(9)
    found = likelihood.importance_weighted(Conditional(), x, y, n_samples=3, batch_size=2)
    assert found.nats == pytest.approx(-400 - x[:, 0].mean().item(), abs=1)


@needs_gpu
def test_figures_lie_where_the_data_lie():
    """The model's device is where it computes; the generators of both devices are left alone."""
    model, x = Noisy().cuda(), draws(6, 2)
    states = torch.get_rng_state(), torch.cuda.get_rng_state()
    for data in (x, x.cuda()):
        one, two = (likelihood.log_prob(model, data, seed=1) for _ in range(2))
        assert one.device == data.device and torch.equal(one, two)
    assert likelihood.importance_weighted(model, x, n_samples=3, seed=1).k == 3
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(torch.cuda.get_rng_state(), states[1])


class Symbols(nn.Module):
    """Every symbol is one of four, with the same probability; what fills up a row costs nothing."""

    levels = 4

    def log_prob(self, x, length):
        return -math.log(4) * length.to(torch.get_default_dtype())


class Guessed(nn.Module):
    """The same as a bound, with labels between x and the lengths."""

    def elbo(self, x, y, length):
        return Symbols().log_prob(x, length)

    def importance_weighted(self, x, y, length, n_samples):
        return self.elbo(x, y, length)


def test_bits_are_those_of_the_numbers_that_count():
    """Two bits a symbol, however wide the rows are that the symbols stand in."""
    length = torch.tensor([1, 3, 2, 20])
    x, y = torch.randint(4, (4, 20)), torch.arange(4)
    for measured in (
        likelihood.bits_per_dim(Symbols(), x, length),
        likelihood.bits_per_dim(Symbols(), x[:, :, None].expand(-1, -1, 1), length),
        likelihood.bits_per_dim(Guessed(), x, y, length),
        likelihood.importance_weighted(Guessed(), x, y, length),
    ):
        assert measured.bits_per_dim == pytest.approx(2) and "2.000 bits/dim" in str(measured)
        assert measured.dim == 6.5 and measured.nats == pytest.approx(-6.5 * math.log(4))


@pytest.mark.parametrize("real", [False, True])
def test_what_was_given_is_said(real):
    """log p(x | y) is another number than log p(x), and is called by its name."""

    class Both(nn.Module):
        def log_prob(self, x, y=None, length=None):
            return torch.full((len(x),), -2.0 if y is None else -1.0)

    x = torch.zeros(4, 2) if real else torch.zeros(4, 2, dtype=torch.long)
    y = torch.zeros(4, dtype=torch.long)
    alone, told = likelihood.bits_per_dim(Both(), x), likelihood.bits_per_dim(Both(), x, y)
    assert alone.given == "" and "given" not in str(alone)
    assert told.given == "y" and "(exact, given y; " in str(told)
    assert not real or str(told).startswith("log p(x | y) = -1.000")
