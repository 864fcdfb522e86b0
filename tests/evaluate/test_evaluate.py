"""Measures against closed forms, hand counts and the libraries that define them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from dgm_lite import laws
from dgm_lite.evaluate import decisions, likelihood, samples
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture

NORMAL = torch.Generator().manual_seed(0)


def draws(*shape) -> torch.Tensor:
    return torch.randn(*shape, generator=NORMAL, dtype=torch.float64)


class Coins(nn.Module):
    """D fair coins: exactly one bit per dimension."""

    def log_prob(self, x):
        return torch.full((len(x),), -x.shape[1] * math.log(2), dtype=torch.float64)


# --- likelihood -----------------------------------------------------------------------------


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
    assert found.bits_per_dim == pytest.approx(-nats.mean() / 2 / math.log(2))
    assert math.isnan(likelihood.bits_per_dim(model, x[:1]).error)


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


# --- detection and decisions ----------------------------------------------------------------


def test_auroc_is_the_probability_of_the_right_order():
    inside, outside = draws(60).round(decimals=1), (draws(80) - 1).round(decimals=1)
    pairs = [(a > b) + 0.5 * (a == b) for a in inside.tolist() for b in outside.tolist()]
    assert decisions.auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert decisions.auroc(outside, inside) == pytest.approx(1 - np.mean(pairs))
    assert decisions.auroc(inside, inside) == pytest.approx(0.5)


def test_auroc_takes_log_probabilities_as_they_come():
    """Minus infinity is a value of log p(x); tiny differences of large numbers count in float64."""
    assert decisions.auroc(torch.tensor([0.0, 1.0]), torch.tensor([-torch.inf, -5.0])) == 1.0
    close = torch.tensor([1e9, 1e9 + 1e-6], dtype=torch.float64)
    assert decisions.auroc(close[1:], close[:1]) == 1.0
    assert decisions.auroc(torch.tensor([2.0], requires_grad=True), torch.tensor([1.0])) == 1.0


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.zeros(2, 2), torch.tensor([torch.nan]), [1.0]])
def test_bad_scores_are_refused(bad):
    laws.refuses(lambda: decisions.auroc(bad, torch.zeros(3)), "auroc")
    laws.refuses(lambda: decisions.auroc(torch.zeros(3), bad), "auroc")
    laws.refuses(
        lambda: decisions.risk_coverage(bad, torch.ones(len(bad), dtype=torch.bool)), "risk_coverage"
    )


def test_risk_and_coverage_by_hand():
    score = torch.tensor([0.9, 0.1, 0.8, 0.4])
    correct = torch.tensor([True, False, True, False])
    coverage, risk = decisions.risk_coverage(score, correct)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])


def test_risk_and_coverage_take_any_kind_of_correct():
    for correct in (torch.tensor([1, 0]), torch.tensor([1.0, 0.0])):
        assert decisions.risk_coverage(torch.tensor([2.0, 1.0]), correct)[1].tolist() == [0, 0.5]
    laws.refuses(lambda: decisions.risk_coverage(torch.zeros(3), torch.ones(2)), "risk_coverage")


def test_calibration_of_a_calibrated_and_an_overconfident_system():
    confidence = torch.rand(20_000, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.5
    chance = torch.rand(20_000, generator=torch.Generator().manual_seed(1))
    assert decisions.calibration_error(confidence, chance < confidence) < 0.02
    sure, right = torch.full((100,), 0.9), torch.arange(100) % 10 < 6
    assert decisions.calibration_error(sure, right) == pytest.approx(0.3)
    assert decisions.calibration_error(sure, right, n_bins=1) == pytest.approx(0.3)
    # Two bins by hand: (0.5, 0.6) of which one is right, (0.9, 1.0) of which both are.
    confidence, correct = torch.tensor([0.9, 0.5, 1.0, 0.6]), torch.tensor([True, True, True, False])
    expected = (abs(0.55 - 0.5) + abs(0.95 - 1)) / 2
    assert decisions.calibration_error(confidence, correct, n_bins=2) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n", "n_bins"), [(11, 10), (19, 10), (100, 10), (101, 10), (3, 10), (7, 7), (1, 1)])
def test_there_are_as_many_bins_as_were_asked_for(n, n_bins):
    """Eleven decisions in ten bins: one bin of two and nine of one, not five of two and one of one."""
    confidence = torch.linspace(0.1, 0.9, n)
    correct = torch.arange(n) % 2 == 0
    bins = np.array_split(np.arange(n), min(n, n_bins))
    gaps = [abs(confidence[b].double().mean() - correct[b].double().mean()) * len(b) / n for b in bins]
    assert decisions.calibration_error(confidence, correct, n_bins) == pytest.approx(float(sum(gaps)))


def test_confidence_is_a_probability():
    for bad in (torch.tensor([1.5]), torch.tensor([-0.1]), torch.tensor([torch.nan])):
        laws.refuses(lambda: decisions.calibration_error(bad, torch.tensor([True])), "[0, 1]")  # noqa: B023
    laws.refuses(lambda: decisions.calibration_error(torch.ones(3), torch.ones(3), n_bins=0), "n_bins")


# --- samples against data -------------------------------------------------------------------


def test_two_samples_of_one_distribution_and_of_two():
    real = draws(100, 3)
    score = samples.two_sample(real, draws(300, 3), folds=3)
    assert score == pytest.approx(0.5, abs=0.12), "cut to equal size, or the larger set would be guessed"
    assert samples.two_sample(real, draws(100, 3) + 4, folds=3) > 0.97


def test_too_small_samples_are_refused():
    laws.refuses(lambda: samples.two_sample(draws(9, 2), draws(50, 2)), "10 examples")
    laws.refuses(lambda: samples.two_sample(draws(50, 2), draws(50, 3)), "two_sample")
    laws.refuses(lambda: samples.two_sample(draws(50, 2, 2), draws(50, 2, 2)), "Flatten")
    laws.refuses(lambda: samples.two_sample(draws(50, 2), draws(50, 2), trees=0), "trees", "0")


def test_frechet_distance_of_two_gaussians():
    """Features whose sample means and covariances are exact, so that the closed form is too."""
    z = draws(200, 2)
    z = z - z.mean(0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T  # mean 0, covariance I
    a, b = torch.tensor([2.0, 0.5]).double(), torch.tensor([1.0, 3.0]).double()
    shift = torch.tensor([1.0, -2.0]).double()
    expected = 5 + ((a - b) ** 2).sum().item()
    assert samples.frechet_distance(z * a, z * b + shift) == pytest.approx(expected, rel=1e-9)
    assert samples.frechet_distance(z * a, z * a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_does_not_depend_on_the_axes():
    real, drawn = draws(100, 4), draws(120, 4) * 2 + 1
    turn = torch.linalg.qr(draws(4, 4)).Q
    same = samples.frechet_distance(real @ turn, drawn @ turn)
    assert samples.frechet_distance(real, drawn) == pytest.approx(same, rel=1e-9)
    laws.refuses(lambda: samples.frechet_distance(real[:1], drawn), "at least 2")
    laws.refuses(lambda: samples.frechet_distance(real, drawn[:, :3]), "frechet_distance")


def test_the_nearest_training_example():
    train = draws(50, 30)
    index, distance = samples.nearest(torch.cat([train[7:9], train[3:4] + 2]), train)
    assert index[:2].tolist() == [7, 8] and distance[:2].tolist() == [0, 0], "a copy has distance exactly 0"
    apart = (train[3] + 2 - train).norm(dim=1)
    assert distance[2].item() == pytest.approx(apart.min().item()) and index[2] == apart.argmin()
    pixels = torch.randint(17, (5, 64))
    assert samples.nearest(pixels, pixels.flip(0))[0].tolist() == [4, 3, 2, 1, 0]
    laws.refuses(lambda: samples.nearest(draws(2, 3), draws(2, 4)), "nearest")
