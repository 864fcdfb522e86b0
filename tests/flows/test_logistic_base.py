"""The base on all integers: its table, its tails, its mass, its sampler, and where it starts."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from dgm_lite import laws
from dgm_lite.datasets.images import digits
from dgm_lite.flows import logistic_base
from dgm_lite.flows.logistic_base import LogisticMixtureBase
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


def base(dim: int = 3, n_components: int = 4, seed: int = 0) -> LogisticMixtureBase:
    return laws.prepare(LogisticMixtureBase(dim, n_components), seed)


def test_terms_are_the_formula_by_scipy():
    """sum_k pi_k (F_k(z + 1/2) - F_k(z - 1/2)), with scipy's logistic distribution."""
    model = base()
    z = torch.randint(-4, 5, (20, 3))
    std, pi = model.log_std.exp().detach().numpy(), model.logits.softmax(1).detach().numpy()
    logistic = stats.logistic(model.mu.detach().numpy(), std * math.sqrt(3) / math.pi)
    v = z.numpy()[..., None]
    mass = (pi * (logistic.cdf(v + 0.5) - logistic.cdf(v - 0.5))).sum(2)
    np.testing.assert_allclose(model.log_prob_terms(z).exp().detach().numpy(), mass, rtol=1e-9, atol=1e-14)
    assert torch.equal(model.log_prob(z), model.log_prob_terms(z).sum(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_table_equals_the_terms(dtype):
    model = base().to(dtype)
    table = model.table(-6, 9)
    assert table.shape == (3, 16) and table.dtype == dtype
    z = torch.randint(-6, 10, (50, 3))
    looked_up = table[torch.arange(3), z + 6]
    assert torch.equal(looked_up, model.log_prob_terms(z))
    assert torch.equal(model.table(2, 2), table[:, 8:9])


def test_all_integers_sum_to_one_and_the_tails_go_on():
    model = base()
    mass = model.table(-200, 200).exp().sum(1)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-12)
    far = model.table(500, 600)
    assert far.isfinite().all() and (far.diff(dim=1) < 0).all()
    # Far out a logistic falls by the factor exp(1/s) for each integer; the widest one is what is left.
    slowest = (model.log_std.exp() * math.sqrt(3) / math.pi).max(1).values
    torch.testing.assert_close(-far.diff(dim=1)[:, -1], 1 / slowest, rtol=1e-3, atol=0)


@pytest.mark.parametrize("d", [0, 1, 2])
def test_draws_follow_the_table(d):
    model, n = base(), 20_000
    z = model.sample(n, generator=torch.Generator().manual_seed(3))[:, d]
    assert z.dtype == torch.long
    low, high = int(z.min()), int(z.max())
    expected = model.table(low, high)[d].exp().detach().numpy() * n
    seen = np.bincount((z - low).numpy(), minlength=high - low + 1)
    common = expected > 5
    seen, expected = [np.r_[v[common], v[~common].sum()] for v in (seen, expected)]
    assert stats.chisquare(seen, expected * n / expected.sum()).pvalue > laws.SURE


def test_draws_are_repeatable_and_finite_for_the_rarest_random_numbers(monkeypatch):
    laws.draws_are_repeatable(base())
    rand = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *a, **k: torch.zeros_like(rand(*a, **k)))  # u = 0 can happen
    assert base().sample(2).abs().max() < 10_000


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_means_are_spread_evenly_and_one_stands_in_the_middle(n_components):
    z = torch.randint(-4, 17, (300, 5), generator=torch.Generator().manual_seed(0))
    low, high = z.min().item(), z.max().item()
    model = LogisticMixtureBase(5, n_components)
    assert model.mu.mean().item() == pytest.approx(0, abs=1e-6)
    model.start_from_data(z)
    assert model.mu.mean().item() == pytest.approx((low + high) / 2)
    nearest = (z[..., None] - model.mu[0]).abs().argmin(2)
    shares = torch.nn.functional.one_hot(nearest, n_components).float().mean(0)
    assert torch.equal(model.logits, (shares + 0.1 / n_components).log())


@pytest.mark.parametrize("n_components", [1, 2, 9])
@pytest.mark.parametrize("high", [1, 8, 300])
def test_it_starts_with_widths_of_two_fifths_of_a_step(n_components, high):
    """A step is the distance of two means, one cell at least: narrower ones would leave holes."""
    model = LogisticMixtureBase(2, n_components).start_from_data(torch.tensor([[0, high], [high, 0]]))
    step = max(1.0, high / (n_components - 1 if n_components > 1 else 1))
    torch.testing.assert_close(model.log_std, torch.full((2, n_components), 0.4 * step).log())


def test_it_starts_almost_as_a_histogram_and_trains_to_one():
    data = digits()
    start = LogisticMixtureBase(64).start_from_data(data.train)
    counts = torch.stack([(data.train == v).sum(0) for v in range(17)]) + 0.5
    histogram = -(counts / counts.sum(0)).gather(0, data.train).log().sum(1).mean().item()
    assert start.mu.min() == 0 and start.mu.max() == 16
    assert -start.log_prob(data.train).mean().item() < histogram + 25, "uniform would be 74 nats above"

    class Trained(LogisticMixtureBase):
        def loss(self, z):
            return -self.log_prob(z).mean()

    model = Trained(64).start_from_data(data.train)
    fit(model, data, TrainConfig(epochs=30, lr=0.02, batch_size=100, average=0.99), bar=False)
    assert -model.log_prob(data.train).mean().item() < histogram + 2


def test_a_number_that_never_varies_can_be_started():
    model = LogisticMixtureBase(2, 3).start_from_data(torch.tensor([[4, 0], [4, 0]]))
    assert model.log_prob(torch.tensor([[4, 0], [3, 1]])).isfinite().all()


def test_refusals():
    for what in ("dim", "n_components"):
        laws.refuses(lambda: LogisticMixtureBase(**{"dim": 2, what: 0}), "LogisticMixtureBase", what)  # noqa: B023
    model = LogisticMixtureBase(2)
    laws.refuses(lambda: model.table(3, 2), "low <= high", "3 and 2")
    laws.refuses(lambda: model.sample(0), "LogisticMixtureBase")
    laws.refuses(lambda: model.start_from_data(torch.zeros(4, 2)), "integers", "float32")
    laws.refuses(lambda: model.start_from_data(torch.zeros(4, 3, dtype=torch.long)), "(N, 2)")


@pytest.mark.parametrize("far", [0, 10_000])
def test_values_of_some_numbers_are_looked_up(far):
    """By a table where the values lie close together, each by itself where they lie far apart."""
    model = base(dim=3, n_components=4)
    generator = torch.Generator().manual_seed(1)
    values = [torch.randint(-3, 4, (5, n, k), generator=generator) for n, k in ((2, 3), (1, 6))]
    values[0][0, 0, 0] = far
    places = [torch.tensor([2, 0]), torch.tensor([1])]
    for v, d, found in zip(values, places, model.look_up(values, places), strict=True):
        assert found.shape == v.shape
        for (row, n, k), value in np.ndenumerate(v.numpy()):
            one = torch.zeros(1, 3, dtype=torch.long)
            one[0, d[n]] = int(value)
            torch.testing.assert_close(found[row, n, k], model.log_prob_terms(one)[0, d[n]])


def test_a_table_is_made_only_where_it_is_cheaper(monkeypatch):
    """(high - low) numbers for each d against the values themselves."""
    model, made = base(dim=3, n_components=2), []
    honest = model.table
    monkeypatch.setattr(model, "table", lambda low, high: made.append((low, high)) or honest(low, high))
    v = torch.tensor([[[-2, 4]], [[0, 1]], [[0, 0]], [[1, 1]]])  # 8 values; from -2 to 4: 6 * 3 = 18 numbers
    model.look_up([v], [torch.tensor([1])])
    assert made == []
    model.look_up([v, v, v], [torch.tensor([d]) for d in range(3)])  # 24 values
    assert made == [(-2, 4)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_outermost_draw_is_no_outlier(dtype, monkeypatch):
    """Also where there is no float64: torch.rand gives 0 in one of 2^24 numbers, and 2^-24 next to it."""
    base = LogisticMixtureBase(3, 2)
    monkeypatch.setattr(logistic_base, "finest", lambda _: dtype)
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.zeros(shape, dtype=dtype))
    x = base.draw(5)
    far = -math.log(torch.finfo(dtype).eps / 4)
    assert x.dtype == dtype and (x.abs() <= 1 + far * 3**0.5 / math.pi + 1e-3).all()
